//! A venue's order port reduced to what keeps a strategy trading: every order, replace and cancel is granted at once.
//!
//! Invariant: its work happens outside the timed part; every request gets exactly one answer.

use sessions::MemoryStore;
use sessions::MessageStore;
use sessions::soup::{Server, ServerEvent};
use wire::ouch50::{self, AcceptedFields, AccountQueryResponseFields, CanceledFields, Inbound, ReplacedFields};

const SESSION: [u8; 10] = *b"ORDERS    ";
const OUTPUT_BYTES: usize = 1 << 20;
const ANSWER_BYTES_MAX: usize = 96;

/// An order as far as its answers need it.
#[derive(Clone, Copy, Debug, Default)]
struct Resting {
    symbol: [u8; 8],
    quantity: u32,
    side: u8,
}

/// The port's side of one session.
pub struct Acceptor {
    server: Server,
    store: MemoryStore,
    /// By UserRefNum.
    orders: Vec<Resting>,
    midnight_ns: u64,
    /// Requests answered.
    pub requests: u64,
    /// Bytes that were no request.
    pub malformed: u64,
}

impl Acceptor {
    /// Room for so many requests.
    pub fn new(requests: usize, midnight_ns: u64, now_ns: u64) -> Self {
        Self {
            server: Server::new(now_ns, OUTPUT_BYTES),
            store: MemoryStore::with_capacity(requests, requests * ANSWER_BYTES_MAX),
            orders: Vec::with_capacity(requests + 1),
            midnight_ns,
            requests: 0,
            malformed: 0,
        }
    }

    /// Takes the client's bytes; the answers wait in [`Acceptor::output`].
    pub fn on_bytes(&mut self, now_ns: u64, mut bytes: &[u8]) {
        let timestamp = now_ns.saturating_sub(self.midnight_ns);
        while !bytes.is_empty() {
            let space = self.server.space();
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            let (mut login, mut answers) =
                (None, Answers { store: &mut self.store, orders: &mut self.orders, timestamp });
            let (requests, malformed) = (&mut self.requests, &mut self.malformed);
            self.server.on_bytes(now_ns, count, &mut |event| match event {
                ServerEvent::Login { sequence, .. } => login = Some(sequence),
                ServerEvent::Unsequenced(message) => {
                    *requests += 1;
                    *malformed += u64::from(!answers.answer(message));
                }
                ServerEvent::Debug(_) | ServerEvent::Down(_) => {}
            });
            if let Some(sequence) = login {
                self.server.accept(SESSION, sequence, &self.store);
            }
        }
        self.server.pump(now_ns, &self.store);
    }

    /// The client connects anew; what was said before stays known.
    pub fn reconnected(&mut self, now_ns: u64) {
        self.server.reset(now_ns);
    }

    /// Bytes for the client.
    pub fn output(&self) -> &[u8] {
        self.server.output()
    }

    /// The client was given so many.
    pub fn written(&mut self, count: usize) {
        self.server.written(count);
    }
}

struct Answers<'a> {
    store: &'a mut MemoryStore,
    orders: &'a mut Vec<Resting>,
    timestamp: u64,
}

impl Answers<'_> {
    /// Answers a request; `false` when it is none that a strategy makes.
    fn answer(&mut self, message: &[u8]) -> bool {
        let timestamp = self.timestamp;
        let mut out = [0; 256];
        let length = match ouch50::decode_inbound(message) {
            Ok(Inbound::EnterOrder(view)) => {
                let order = Resting { symbol: view.symbol(), quantity: view.quantity(), side: view.side() };
                self.keep(view.user_ref_num(), order);
                AcceptedFields {
                    timestamp,
                    user_ref_num: view.user_ref_num(),
                    side: order.side,
                    quantity: order.quantity,
                    symbol: order.symbol,
                    price: view.price(),
                    time_in_force: view.time_in_force(),
                    display: view.display(),
                    order_reference_number: u64::from(view.user_ref_num()) + 1_000_000_000,
                    order_state: b'L',
                    cl_ord_id: view.cl_ord_id(),
                    ..Default::default()
                }
                .encode(&mut out)
            }
            Ok(Inbound::ReplaceOrder(view)) => {
                let before = self.orders.get(view.orig_user_ref_num() as usize).copied().unwrap_or_default();
                let order = Resting { quantity: view.quantity(), ..before };
                self.keep(view.user_ref_num(), order);
                ReplacedFields {
                    timestamp,
                    orig_user_ref_num: view.orig_user_ref_num(),
                    user_ref_num: view.user_ref_num(),
                    side: order.side,
                    quantity: order.quantity,
                    symbol: order.symbol,
                    price: view.price(),
                    time_in_force: view.time_in_force(),
                    display: view.display(),
                    order_reference_number: u64::from(view.user_ref_num()) + 1_000_000_000,
                    order_state: b'L',
                    cl_ord_id: view.cl_ord_id(),
                    ..Default::default()
                }
                .encode(&mut out)
            }
            Ok(Inbound::CancelOrder(view)) => {
                let user_ref_num = view.user_ref_num();
                let quantity = self.orders.get(user_ref_num as usize).map_or(0, |order| order.quantity);
                CanceledFields { timestamp, user_ref_num, quantity, cancel_order_reason: b'U', ..Default::default() }
                    .encode(&mut out)
            }
            Ok(Inbound::AccountQuery(_)) => {
                let next_user_ref_num = (self.orders.len() as u32).max(1);
                AccountQueryResponseFields { timestamp, next_user_ref_num, appendage: None }.encode(&mut out)
            }
            _ => return false,
        };
        self.store.append(&out[..length]).is_ok()
    }

    fn keep(&mut self, user_ref: u32, order: Resting) {
        let place = user_ref as usize;
        if self.orders.len() <= place {
            self.orders.resize(place + 1, Resting::default());
        }
        self.orders[place] = order;
    }
}
