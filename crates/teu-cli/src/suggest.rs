//! "Did you mean": the nearest of the words that exist.

/// The word that fewest typing mistakes lead to, if there are few enough of them.
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if typed.len() > 40 {
        return None;
    }
    let allowed = 1 + typed.chars().count() / 4;
    known
        .map(|word| (mistakes(typed, word), word))
        .filter(|(mistakes, word)| *mistakes <= allowed && *mistakes < word.len())
        .min_by_key(|(mistakes, _)| *mistakes)
        .map(|(_, word)| word)
}

/// Letters left out, added, replaced, or two exchanged (optimal string alignment).
fn mistakes(typed: &str, word: &str) -> usize {
    let (typed, word): (Vec<char>, Vec<char>) = (typed.chars().collect(), word.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=word.len()).collect()];
    for (i, from) in typed.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in word.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(from != to);
            let mut best = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && typed[i - 1] == *to && *from == word[j - 1] {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[typed.len()][word.len()]
}

#[test]
fn near_and_far() {
    let known = ["run", "rm", "rmi", "images", "inspect", "start", "stop"];
    let nearest = |typed| nearest(typed, known.iter().copied());
    assert_eq!(nearest("rnu"), Some("run"));
    assert_eq!(nearest("image"), Some("images"));
    assert_eq!(nearest("inpsect"), Some("inspect"));
    assert_eq!(nearest("sto"), Some("stop"));
    assert_eq!(nearest("frobnicate"), None);
    assert_eq!(nearest(""), None);
    assert_eq!(nearest(&"x".repeat(100_000)), None);
}
