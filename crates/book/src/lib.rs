//! Order-by-order and by-level books; readers of recorded order flow.
