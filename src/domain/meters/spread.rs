//! From pages of ranges of days to pages of days.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::Booking;
use crate::domain::{
    calendar,
    device::MeterKind,
    pages::{Pages, split_evenly},
};

/// Pages of one day: what an entry is posted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayPages {
    /// The day.
    pub day: NaiveDate,
    /// Whether they are shares of differences over several days.
    pub estimated: bool,
    /// The pages.
    pub pages: Pages,
}

/// The bookings of any number of devices as at most two sums for each day, exact before estimated, by day. What spans several days
/// is spread evenly in whole pages, meter by meter, the earlier days getting one more.
pub fn spread(bookings: impl IntoIterator<Item = Booking>) -> Vec<DayPages> {
    let mut sums = BTreeMap::<(NaiveDate, bool), Pages>::new();
    for booking in bookings {
        let days = calendar::days(booking.from, booking.to.max(booking.from));
        let estimated = days.len() > 1;
        for &meter in MeterKind::ALL {
            let parts = split_evenly(booking.pages.get(meter), days.len());
            for (day, part) in days.clone().zip(parts).filter(|&(_, part)| part != 0) {
                *sums.entry((day, estimated)).or_default() += Pages::of(meter, part);
            }
        }
    }
    sums.into_iter().map(|((day, estimated), pages)| DayPages { day, estimated, pages }).collect()
}
