use super::*;

fn row(camera: &str, number: u64, species: &str) -> Detection {
    Detection {
        ulid: wildcam_core::wire::Ulid::new(1_000 + number, u128::from(number)).to_string(),
        camera: camera.to_owned(),
        taken_at_ms: 1_000 + number / 2,
        stored_at_ms: 9,
        trigger: "motion".to_owned(),
        priority: "normal",
        species: Some(species.to_owned()),
        confidence: Some(0.5),
        latitude: None,
        longitude: None,
        model: None,
        firmware: "1".to_owned(),
        sha256: "00".repeat(32),
        bytes: 10,
        media_type: "image/jpeg".to_owned(),
    }
}

fn intent(key: &str, document: &[u8]) -> Intent {
    Intent {
        document_key: key.to_owned(),
        document: document.to_vec(),
        picture: Some(Picture {
            key: "p".to_owned(),
            sha256: "ab".to_owned(),
            bytes: 3,
            media_type: "image/jpeg".to_owned(),
        }),
        missing: vec!["a".to_owned(), "b".to_owned()],
        since_ms: 5,
    }
}

#[tokio::test]
async fn pages_in_both_orders_hold_every_row_once() {
    for (name, mode) in [("pages-t", Mode::Threaded), ("pages-i", Mode::Inline)] {
        let index = Index::in_memory(name, mode).unwrap();
        let rows: Vec<_> = (0..25).map(|n| row(if n % 2 == 0 { "one" } else { "two" }, n, "Lynx lynx")).collect();
        index.insert(rows.clone()).await;
        index.insert(rows).await;
        assert_eq!(index.count().await.unwrap(), 25);
        for order in [Order::Newest, Order::Oldest] {
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = index.query(Filter { limit: 7, order, after, ..Filter::default() }).await.unwrap();
                seen.extend(page.detections.into_iter().map(|row| row.ulid));
                match page.next {
                    Some(next) => after = Some(next.to_string().parse().unwrap()),
                    None => break,
                }
            }
            let mut sorted = seen.clone();
            sorted.sort();
            if order == Order::Newest {
                sorted.reverse();
            }
            assert_eq!(seen.len(), 25);
            assert_eq!(seen, sorted);
        }
        let filter = Filter { camera: Some("two".to_owned()), since_ms: Some(1_005), ..Filter::default() };
        assert_eq!(index.query(filter).await.unwrap().detections.len(), 7);
        let filter = Filter { species: Some("Ursus arctos".to_owned()), ..Filter::default() };
        assert!(index.query(filter).await.unwrap().detections.is_empty());
    }
}

#[tokio::test]
async fn an_intent_outlives_the_process_until_it_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    {
        let index = Index::open(&path, Mode::Threaded).unwrap();
        assert_eq!(index.begin(intent("k1", b"one")).await.unwrap(), Begun::New);
        assert_eq!(index.begin(intent("k1", b"one")).await.unwrap(), Begun::Standing);
        assert_eq!(index.begin(intent("k1", b"other")).await.unwrap(), Begun::Conflict);
        assert_eq!(index.begin(intent("k2", b"two")).await.unwrap(), Begun::New);
        index.settle("k2", vec!["b".to_owned()]).await;
        index.flush().await.unwrap();
        assert_eq!(index.heal_pending(), 2);
    }
    let index = Index::open(&path, Mode::Inline).unwrap();
    assert_eq!(index.heal_pending(), 2);
    let intents = index.intents(String::new(), 10).await.unwrap();
    assert_eq!(intents[0], intent("k1", b"one"));
    assert_eq!(intents[1].missing, ["b"]);
    index.settle("k1", Vec::new()).await;
    index.settle("k1", Vec::new()).await;
    assert_eq!(index.heal_pending(), 1);
    assert_eq!(index.intents("k1".to_owned(), 10).await.unwrap().len(), 1);
    let other = Index::open(&path, Mode::Inline).unwrap();
    other.settle("k2", Vec::new()).await;
    assert_eq!(index.heal_pending(), 1, "it cannot know yet");
    index.recount().await;
    assert_eq!(index.heal_pending(), 0);
}

#[tokio::test]
async fn cameras_keep_the_latest_of_what_is_known() {
    let index = Index::in_memory("cameras", Mode::Threaded).unwrap();
    index.saw_camera("one", 50, Some("{}".to_owned())).await;
    index.put_camera_key("one", [7; 32], 10).await;
    index.saw_camera("one", 40, None).await;
    let all = index.cameras(String::new(), 10).await.unwrap();
    let expected = CameraRow {
        id: "one".to_owned(),
        public_key: Some([7; 32]),
        registered_ms: Some(10),
        last_seen_ms: Some(50),
        status: Some("{}".to_owned()),
    };
    assert_eq!(all, [expected]);
}

#[test]
fn foreign_cursors_are_refused() {
    for bad in [
        "",
        "1",
        "x-01ARZ3NDEKTSV4RRFFQ69G5FAV-cam",
        "1-nonsense-cam",
        "-1-01ARZ3NDEKTSV4RRFFQ69G5FAV-cam",
        "1-01ARZ3NDEKTSV4RRFFQ69G5FAV-../x",
    ] {
        assert!(bad.parse::<Cursor>().is_err(), "{bad}");
    }
}
