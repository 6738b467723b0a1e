// QuickFIX C++ as a peer of the FIX rows: reads a count of rounds a line, runs so many, writes nanoseconds and a hash.
//
//   quickfix_speed parse|validate|build order|report DICTIONARY MESSAGE_FILE
//
// Invariant: a round does what a round of ours does: length and checksum, every field, the typed values converted; when
// building, number, sending time, length and checksum.
#include <quickfix/DataDictionary.h>
#include <quickfix/Message.h>
#include <quickfix/fix44/ExecutionReport.h>
#include <quickfix/fix44/NewOrderSingle.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

static uint64_t folded(uint64_t hash, uint64_t value) { return (hash << 5 | hash >> 59) ^ value; }

template <class Field> static uint64_t number(const FIX::FieldMap& map, uint64_t hash) {
    Field field;
    if (map.isSetField(field)) {
        map.getField(field);
        hash = folded(hash, static_cast<uint64_t>(field.getValue() * 1e6));
    }
    return hash;
}

static uint64_t read(const FIX::Message& message, uint64_t hash) {
    FIX::MsgSeqNum sequence;
    FIX::SendingTime sent;
    FIX::TransactTime transacted;
    message.getHeader().getField(sequence);
    message.getHeader().getField(sent);
    message.getField(transacted);
    hash = folded(hash, sequence.getValue());
    hash = folded(hash, sent.getValue().getMillisecond() + sent.getValue().getSecond());
    hash = folded(hash, transacted.getValue().getMillisecond() + transacted.getValue().getSecond());
    hash = number<FIX::OrderQty>(message, hash);
    hash = number<FIX::Price>(message, hash);
    hash = number<FIX::LastQty>(message, hash);
    hash = number<FIX::LastPx>(message, hash);
    hash = number<FIX::LeavesQty>(message, hash);
    hash = number<FIX::CumQty>(message, hash);
    return number<FIX::AvgPx>(message, hash);
}

static void head(FIX::Message& message, int sequence, const char* sender, const char* target) {
    message.getHeader().setField(FIX::SenderCompID(sender));
    message.getHeader().setField(FIX::TargetCompID(target));
    message.getHeader().setField(FIX::MsgSeqNum(sequence));
    message.getHeader().setField(FIX::SendingTime(FIX::UtcTimeStamp(9, 15, 27, sequence % 1000, 2, 3, 2026), 3));
}

static void order(int sequence, std::string& out) {
    FIX::UtcTimeStamp now(9, 15, 27, sequence % 1000, 2, 3, 2026);
    FIX44::NewOrderSingle message(
        FIX::ClOrdID("N20260302A00417"), FIX::Side('2'), FIX::TransactTime(now, 3), FIX::OrdType('2'));
    message.set(FIX::Account("DESK07"));
    message.set(FIX::HandlInst('1'));
    message.set(FIX::Symbol("QXZT"));
    message.set(FIX::OrderQty(700));
    message.set(FIX::Price(402.75));
    message.set(FIX::TimeInForce('0'));
    head(message, sequence, "MERIDNY1", "HOUSEVEN1");
    message.toString(out);
}

static void report(int sequence, std::string& out) {
    FIX::UtcTimeStamp now(9, 15, 27, sequence % 1000, 2, 3, 2026);
    FIX44::ExecutionReport message(
        FIX::OrderID("V00000048213377"), FIX::ExecID("E000000482130"), FIX::ExecType('F'), FIX::OrdStatus('1'), FIX::Side('2'),
        FIX::LeavesQty(500), FIX::CumQty(200), FIX::AvgPx(402.75));
    message.set(FIX::ClOrdID("N20260302A00417"));
    message.set(FIX::Account("DESK07"));
    message.set(FIX::Symbol("QXZT"));
    message.set(FIX::OrderQty(700));
    message.set(FIX::OrdType('2'));
    message.set(FIX::Price(402.75));
    message.set(FIX::LastQty(200));
    message.set(FIX::LastPx(402.75));
    message.set(FIX::TransactTime(now, 3));
    head(message, sequence, "HOUSEVEN1", "MERIDNY1");
    message.toString(out);
}

int main(int count, char** words) {
    if (count != 5) return 2;
    const std::string work = words[1], kind = words[2];
    std::ifstream file(words[4], std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::unique_ptr<FIX::DataDictionary> dictionary;
    if (work == "validate") dictionary.reset(new FIX::DataDictionary(words[3]));
    std::string out;
    uint64_t rounds = 0, hash = 0;
    while (std::cin >> rounds) {
        const auto begun = std::chrono::steady_clock::now();
        for (uint64_t round = 0; round < rounds; ++round) {
            if (work == "build") {
                const int sequence = 10000 + static_cast<int>(round % 80000);
                if (kind == "order") order(sequence, out);
                else report(sequence, out);
                hash = folded(hash, out.size());
            } else {
                FIX::Message message;
                if (dictionary) {
                    message.setString(text, true, dictionary.get());
                    dictionary->validate(message);
                } else {
                    message.setString(text, true);
                }
                hash = read(message, hash);
            }
        }
        const auto elapsed = std::chrono::steady_clock::now() - begun;
        std::cout << std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count() << ' ' << hash << std::endl;
    }
}
