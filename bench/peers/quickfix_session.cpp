// QuickFIX C++ as a peer of the FIX session rows: an initiator and an acceptor in one process over loopback TCP, both with a
// file store. Reads a command a line and answers with one:
//
//   trip N         N orders, each answered before the next: median and 99th percentile in ns
//   rate N WINDOW  N orders with WINDOW under way: elapsed ns
//
//   quickfix_session DIRECTORY PORT
//
// Invariant: an order is answered by a full execution report with its ClOrdID, and its values are read, as in our row.
#include <quickfix/FileStore.h>
#include <quickfix/Log.h>
#include <quickfix/Session.h>
#include <quickfix/SessionSettings.h>
#include <quickfix/SocketAcceptor.h>
#include <quickfix/SocketInitiator.h>
#include <quickfix/fix44/ExecutionReport.h>
#include <quickfix/fix44/NewOrderSingle.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

static int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class Field> static double value(const FIX::Message& message) {
    Field field;
    message.getField(field);
    return field.getValue();
}

class Quiet : public FIX::Application {
public:
    void onCreate(const FIX::SessionID&) override {}
    void onLogon(const FIX::SessionID&) override { up = true; }
    void onLogout(const FIX::SessionID&) override { up = false; }
    void toAdmin(FIX::Message&, const FIX::SessionID&) override {}
    void toApp(FIX::Message&, const FIX::SessionID&) throw(FIX::DoNotSend) override {}
    void fromAdmin(const FIX::Message&, const FIX::SessionID&) throw(
        FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::RejectLogon) override {}
    std::atomic<bool> up{false};
};

class Venue : public Quiet {
public:
    void fromApp(const FIX::Message& order, const FIX::SessionID& session) throw(
        FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::UnsupportedMessageType) override {
        FIX::ClOrdID id;
        FIX::Account account;
        FIX::Symbol symbol;
        FIX::Side side;
        FIX::OrdType type;
        FIX::TransactTime time;
        order.getField(id);
        order.getField(account);
        order.getField(symbol);
        order.getField(side);
        order.getField(type);
        order.getField(time);
        const double lots = value<FIX::OrderQty>(order), price = value<FIX::Price>(order);
        FIX44::ExecutionReport report(
            FIX::OrderID("V00000048213377"), FIX::ExecID("E000000482130"), FIX::ExecType('F'), FIX::OrdStatus('1'), side,
            FIX::LeavesQty(lots - 200), FIX::CumQty(200), FIX::AvgPx(price));
        report.set(id);
        report.set(account);
        report.set(symbol);
        report.set(FIX::OrderQty(lots));
        report.set(type);
        report.set(FIX::Price(price));
        report.set(FIX::LastQty(200));
        report.set(FIX::LastPx(price));
        report.set(FIX::TransactTime(FIX::UtcTimeStamp(), 3));
        FIX::Session::sendToTarget(report, session);
    }
};

static void order(uint64_t number, const FIX::SessionID& session) {
    char id[16];
    snprintf(id, sizeof id, "N20260302%06llu", static_cast<unsigned long long>(number % 1000000));
    FIX44::NewOrderSingle message(FIX::ClOrdID(id), FIX::Side('2'), FIX::TransactTime(FIX::UtcTimeStamp(), 3), FIX::OrdType('2'));
    message.set(FIX::Account("DESK07"));
    message.set(FIX::HandlInst('1'));
    message.set(FIX::Symbol("QXZT"));
    message.set(FIX::OrderQty(700));
    message.set(FIX::Price(402.75));
    message.set(FIX::TimeInForce('0'));
    FIX::Session::sendToTarget(message, session);
}

// Orders again from where the report came: no thread of its own stands in the way of QuickFIX's.
class Firm : public Quiet {
public:
    void fromApp(const FIX::Message& report, const FIX::SessionID& session) throw(
        FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::UnsupportedMessageType) override {
        FIX::ClOrdID id;
        FIX::TransactTime time;
        report.getField(id);
        report.getField(time);
        lots += value<FIX::LastQty>(report);
        sum += value<FIX::AvgPx>(report) + value<FIX::LastPx>(report) + value<FIX::LeavesQty>(report) +
               value<FIX::CumQty>(report) + value<FIX::OrderQty>(report) + value<FIX::Price>(report);
        const int64_t now = now_ns();
        if (trips) trips->push_back(now - started);
        started = now;
        if (sent < last) order(sent++, session);
        if (++reports == last) {
            std::lock_guard<std::mutex> hold(lock);
            over = true;
            ended.notify_one();
        }
    }

    // So many more orders, `window` of them under way.
    void run(uint64_t orders, uint64_t window, const FIX::SessionID& session, std::vector<int64_t>* into) {
        const uint64_t first = sent;
        last = sent + orders;
        over = false;
        trips = into;
        sent = std::min(first + window, last);
        const uint64_t until = sent;
        started = now_ns();
        for (uint64_t number = first; number < until; ++number) order(number, session);
        std::unique_lock<std::mutex> hold(lock);
        ended.wait(hold, [this] { return over; });
    }

    uint64_t sent = 0, last = 0, reports = 0;
    int64_t started = 0;
    double lots = 0, sum = 0;

private:
    std::vector<int64_t>* trips = nullptr;
    bool over = false;
    std::mutex lock;
    std::condition_variable ended;
};

static FIX::SessionSettings settings(const std::string& directory, const std::string& port, bool initiator) {
    std::stringstream text;
    const char* ours = initiator ? "MERIDNY1" : "HOUSEVEN1";
    const char* theirs = initiator ? "HOUSEVEN1" : "MERIDNY1";
    text << "[DEFAULT]\nConnectionType=" << (initiator ? "initiator" : "acceptor") << "\nStartTime=00:00:00\nEndTime=00:00:00\n"
         << "UseDataDictionary=N\nHeartBtInt=30\nReconnectInterval=1\nSocketNodelay=Y\nFileStorePath=" << directory << '/' << ours
         << "\nSocketAcceptPort=" << port << "\nSocketReuseAddress=Y\nSocketConnectHost=127.0.0.1\nSocketConnectPort=" << port
         << "\n[SESSION]\nBeginString=FIX.4.4\nSenderCompID=" << ours << "\nTargetCompID=" << theirs << '\n';
    return FIX::SessionSettings(text);
}

int main(int count, char** words) {
    if (count != 3) return 2;
    Venue venue;
    Firm firm;
    const FIX::SessionSettings theirs = settings(words[1], words[2], false), ours = settings(words[1], words[2], true);
    FIX::FileStoreFactory venue_store(theirs), firm_store(ours);
    FIX::SocketAcceptor acceptor(venue, venue_store, theirs);
    FIX::SocketInitiator initiator(firm, firm_store, ours);
    acceptor.start();
    initiator.start();
    for (int wait = 0; !firm.up; ++wait) {
        if (wait > 2000) return 3;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    const FIX::SessionID session("FIX.4.4", "MERIDNY1", "HOUSEVEN1");
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream words_of_line(line);
        std::string work;
        uint64_t orders = 0, window = 1;
        words_of_line >> work >> orders >> window;
        std::vector<int64_t> trips;
        const int64_t begun = now_ns();
        firm.run(orders, window, session, work == "trip" ? &trips : nullptr);
        const int64_t elapsed = now_ns() - begun;
        if (work == "trip") {
            std::sort(trips.begin(), trips.end());
            std::cout << trips[trips.size() / 2] << ' ' << trips[trips.size() * 99 / 100] << std::endl;
        } else {
            std::cout << elapsed << std::endl;
        }
    }
    initiator.stop();
    acceptor.stop();
    return firm.lots == 200.0 * static_cast<double>(firm.sent) ? 0 : 1;
}
