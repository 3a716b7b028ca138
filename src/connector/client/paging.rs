//! Lists read page by page until the vendor's own count is reached. A list that changes while it is read, or a vendor that repeats pages or
//! counts wrongly, must not give half a list, one twice as long, or one without end.

use std::collections::HashSet;

use crate::{
    connector::error::{ConnectorError, Retry},
    domain::failure::FailureReason,
};

/// Longest list believed.
const MOST: u64 = 200_000;

/// One page of a list.
#[derive(Debug)]
pub(in crate::connector) struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// The items on all pages, by the vendor's count.
    pub total: u64,
}

/// Reads every page from 1 on; `id` tells items apart. A list that does not add up is read once more from its start.
pub(in crate::connector) async fn all_pages<T, F>(
    id: fn(&T) -> &str,
    fetch: impl Fn(u32) -> F + Send + Sync,
) -> Result<Vec<T>, ConnectorError>
where
    T: Send + Sync,
    F: Future<Output = Result<Page<T>, ConnectorError>> + Send,
{
    for last_try in [false, true] {
        match one_reading(id, &fetch).await? {
            Ok(items) => return Ok(items),
            Err(problem) if last_try => return Err(problem.into()),
            Err(_) => {}
        }
    }
    Err(ConnectorError::misused("a list was not read"))
}

/// Why the pages do not add up to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    Changing,
    Repeats,
    TooFew,
    TooMany,
}

impl From<Problem> for ConnectorError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Changing => {
                Self::new(FailureReason::VendorFailed, "the list changed while it was read".into()).retried(Retry::Backoff)
            }
            Problem::Repeats => Self::not_understood("the list repeats an item"),
            Problem::TooFew => Self::not_understood("the list ends before its total count"),
            Problem::TooMany => Self::not_understood("the list is longer than its total count, or too long"),
        }
    }
}

async fn one_reading<T, F>(
    id: fn(&T) -> &str,
    fetch: &(impl Fn(u32) -> F + Send + Sync),
) -> Result<Result<Vec<T>, Problem>, ConnectorError>
where
    T: Send + Sync,
    F: Future<Output = Result<Page<T>, ConnectorError>> + Send,
{
    let Page { mut items, total } = fetch(1).await?;
    if total > MOST {
        return Ok(Err(Problem::TooMany));
    }
    let mut number = 1;
    while (items.len() as u64) < total {
        number += 1;
        let mut page = fetch(number).await?;
        if page.total != total {
            return Ok(Err(Problem::Changing));
        }
        if page.items.is_empty() {
            return Ok(Err(Problem::TooFew));
        }
        // A page that repeats the one before would go on to the total count; one look at its first item ends that early.
        if items.iter().any(|item| id(item) == id(&page.items[0])) {
            return Ok(Err(Problem::Repeats));
        }
        items.append(&mut page.items);
    }
    if items.len() as u64 > total {
        return Ok(Err(Problem::TooMany));
    }
    let mut seen = HashSet::with_capacity(items.len());
    if !items.iter().all(|item| seen.insert(id(item))) {
        return Ok(Err(Problem::Repeats));
    }
    drop(seen);
    Ok(Ok(items))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Reads pages made of `(total, ids)`, in the order they are asked for; asking for more fails the test.
    async fn read(pages: &[(u64, &[&str])]) -> (Result<Vec<String>, FailureReason>, u32) {
        let asked = AtomicU32::new(0);
        let read = all_pages(String::as_str, |_| {
            let place = asked.fetch_add(1, Ordering::Relaxed) as usize;
            let (total, ids) = pages[place];
            let items = ids.iter().map(|id| (*id).to_owned()).collect();
            async move { Ok(Page { items, total }) }
        })
        .await;
        (read.map_err(|error| error.reason()), asked.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn reads_until_the_total_count() {
        let (list, asked) = read(&[(3, &["a", "b"]), (3, &["c"])]).await;
        assert_eq!((list.unwrap().join(""), asked), ("abc".to_owned(), 2));
        assert_eq!(read(&[(0, &[])]).await, (Ok(Vec::new()), 1));
        let (list, asked) = read(&[(3, &["a"]), (3, &["b"]), (3, &["c"])]).await;
        assert_eq!((list.unwrap().len(), asked), (3, 3), "a vendor may send shorter pages than asked for");
    }

    #[tokio::test]
    async fn a_list_that_changed_is_read_again() {
        let (list, asked) = read(&[(3, &["a", "b"]), (2, &["b"]), (2, &["a", "c"])]).await;
        assert_eq!((list.unwrap().join(""), asked), ("ac".to_owned(), 3));
        let changing: &[(u64, &[&str])] = &[(3, &["a"]), (4, &["b"]), (5, &["a"]), (6, &["b"])];
        assert_eq!(read(changing).await, (Err(FailureReason::VendorFailed), 4));
    }

    #[tokio::test]
    async fn a_vendor_that_lies_gives_no_list() {
        let bad = Err(FailureReason::AnswerNotUnderstood);
        let repeats: (u64, &[&str]) = (1000, &["a", "b"]);
        assert_eq!(read(&[repeats; 4]).await, (bad.clone(), 4), "the same page for ever");
        assert_eq!(read(&[(2, &["a", "a"]), (2, &["a", "a"])]).await, (bad.clone(), 2), "one item twice");
        assert_eq!(read(&[(2, &["a"]), (2, &[]), (2, &["a"]), (2, &[])]).await, (bad.clone(), 4), "nothing more to come");
        assert_eq!(read(&[(1, &["a", "b"]), (1, &["a", "b"])]).await, (bad.clone(), 2), "more than counted");
        assert_eq!(read(&[(u64::MAX, &["a"]), (u64::MAX, &["a"])]).await, (bad, 2), "endless");
    }
}
