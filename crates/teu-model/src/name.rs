//! Names that users give to containers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A container's name: a letter or digit, then any of letter, digit, `_`, `.`, `-`. docker wants at
/// least two characters; one is enough here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerName(String);

/// A text that cannot name a container. Worded as docker words it: scripts match it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid container name ({given}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
pub struct BadName {
    /// What was given.
    pub given: String,
}

impl ContainerName {
    /// One leading `/` is dropped, as docker does.
    pub fn parse(text: &str) -> Result<ContainerName, BadName> {
        let name = text.strip_prefix('/').unwrap_or(text);
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"_.-".contains(&c);
        let starts_well = name.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric());
        // 255 bytes is the longest name of a file, and a name is one (names/containers/NAME).
        if starts_well && (1..=255).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(ContainerName(name.to_string()))
        } else {
            Err(BadName { given: text.chars().take(300).collect() })
        }
    }

    /// A name for a container that was given none, from random bytes: `<adjective>_<port>`.
    pub fn from_random(bytes: [u8; 4]) -> ContainerName {
        let pick = |list: &[&'static str], seed: [u8; 2]| {
            list[usize::from(u16::from_le_bytes(seed)) % list.len()]
        };
        let adjective = pick(ADJECTIVES, [bytes[0], bytes[1]]);
        let port = pick(PORTS, [bytes[2], bytes[3]]);
        ContainerName(format!("{adjective}_{port}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a ship may be.
const ADJECTIVES: &[&str] = &[
    "able", "agile", "amber", "ample", "ardent", "azure", "balmy", "bold", "brave", "breezy",
    "bright", "brisk", "bronze", "buoyant", "calm", "candid", "cheery", "civil", "clear", "clever",
    "coastal", "cobalt", "coral", "cosy", "crisp", "curious", "daring", "deft", "distant",
    "dreamy", "eager", "early", "easy", "elegant", "fabled", "fair", "famous", "far", "fearless",
    "festive", "fleet", "fond", "frank", "free", "fresh", "friendly", "gallant", "gentle",
    "gilded", "glad", "golden", "grand", "green", "hardy", "hearty", "honest", "humble", "icy",
    "ideal", "intrepid", "ivory", "jaunty", "jolly", "jovial", "keen", "kind", "lively", "loyal",
    "lucid", "lucky", "lunar", "marine", "mellow", "merry", "mighty", "misty", "modest", "neat",
    "nimble", "noble", "northern", "olive", "patient", "placid", "plucky", "polar", "polite",
    "proud", "quick", "quiet", "ready", "robust", "rosy", "royal", "ruddy", "sage", "salty",
    "sandy", "scarlet", "serene", "sharp", "silent", "silver", "sleek", "smooth", "snug", "solar",
    "solid", "southern", "spirited", "spry", "stable", "steady", "stellar", "stout", "sturdy",
    "sunny", "swift", "tidal", "tidy", "trusty", "upbeat", "valiant", "vivid", "warm", "western",
    "windy", "wise", "witty",
];

/// Where it may call.
const PORTS: &[&str] = &[
    "aarhus",
    "abidjan",
    "aden",
    "agadir",
    "algeciras",
    "algiers",
    "ancona",
    "antwerp",
    "arica",
    "auckland",
    "balboa",
    "bangkok",
    "barcelona",
    "bari",
    "batumi",
    "beira",
    "beirut",
    "belem",
    "bergen",
    "bilbao",
    "bombay",
    "bordeaux",
    "bremen",
    "brest",
    "brisbane",
    "bristol",
    "buenaventura",
    "busan",
    "cadiz",
    "callao",
    "cardiff",
    "cartagena",
    "casablanca",
    "chittagong",
    "colombo",
    "colon",
    "constanta",
    "cork",
    "dakar",
    "dalian",
    "dammam",
    "danzig",
    "darwin",
    "djibouti",
    "dover",
    "dublin",
    "dunkirk",
    "durban",
    "felixstowe",
    "fremantle",
    "galveston",
    "gavle",
    "genoa",
    "ghent",
    "gijon",
    "gothenburg",
    "guayaquil",
    "haifa",
    "halifax",
    "hamburg",
    "hamina",
    "havana",
    "helsinki",
    "hobart",
    "houston",
    "hull",
    "incheon",
    "izmir",
    "jakarta",
    "jeddah",
    "kaohsiung",
    "karachi",
    "keelung",
    "kiel",
    "kingston",
    "kobe",
    "koper",
    "lagos",
    "larnaca",
    "leghorn",
    "lisbon",
    "liverpool",
    "lome",
    "luanda",
    "lubeck",
    "malaga",
    "malmo",
    "manila",
    "maputo",
    "marseille",
    "mersin",
    "mobile",
    "mombasa",
    "montevideo",
    "muscat",
    "nagoya",
    "naples",
    "narvik",
    "ningbo",
    "odessa",
    "oran",
    "osaka",
    "oslo",
    "ostend",
    "palermo",
    "penang",
    "piraeus",
    "porto",
    "qingdao",
    "ravenna",
    "recife",
    "reykjavik",
    "riga",
    "rijeka",
    "rostock",
    "rotterdam",
    "salalah",
    "santos",
    "savannah",
    "seattle",
    "shanghai",
    "shenzhen",
    "singapore",
    "split",
    "stavanger",
    "stockholm",
    "suez",
    "surabaya",
    "sydney",
    "tacoma",
    "taranto",
    "tianjin",
    "trieste",
    "tunis",
    "turku",
    "valencia",
    "valparaiso",
    "varna",
    "venice",
    "vigo",
    "yantian",
    "yokohama",
    "zadar",
];

impl fmt::Display for ContainerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ContainerName {
    type Error = BadName;
    fn try_from(text: String) -> Result<ContainerName, BadName> {
        ContainerName::parse(&text)
    }
}

impl From<ContainerName> for String {
    fn from(name: ContainerName) -> String {
        name.0
    }
}

#[test]
fn names() {
    for good in ["web-1", "/web", "a.b", "0x", "a"] {
        assert!(ContainerName::parse(good).is_ok(), "{good}");
    }
    for bad in ["", "-x", "a/b", "a b", "ä1", "..", "a\n", &"x".repeat(256)] {
        assert!(ContainerName::parse(bad).is_err(), "{bad}");
    }
    let name = ContainerName::from_random([9, 200, 7, 255]);
    assert!(ContainerName::parse(name.as_str()).is_ok());
}
