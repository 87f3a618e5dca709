//! Adoption: images that share bytes, and what becomes of one when the other goes.

use super::*;

/// Adopts the bytes of `fox` under another name.
async fn adopt(store: &Store, name: &str) -> Result<Committed, Error> {
    store.adopt(image(name, "a fox").at(9).manifest, &id("fox"), Expect::New).await
}

#[tokio::test]
async fn an_adopted_image_is_like_one_that_was_brought() {
    let (store, root) = open().await;
    let (fox, twin) = (image("fox", "a fox"), image("twin", "a fox").at(9));
    commit_new(&store, &fox).await;
    assert_eq!(store.find_source(&fox.manifest.source.digest).await.unwrap(), Some(id("fox")));
    assert_eq!(adopt(&store, "twin").await.unwrap(), Committed::Created);
    assert_eq!(store.read(&id("twin")).await.unwrap(), (twin.manifest.clone(), twin.served()));
    assert_eq!(store.source(&id("twin")).await.unwrap().1, fox.blobs[0].1);
    assert_eq!(listed(&store).await, ["twin", "fox"]);
    assert_eq!(store.find_source(&fox.manifest.source.digest).await.unwrap(), Some(id("twin")));
    for file in twin.manifest.files() {
        assert_eq!(store.0.blobs.references(&id("twin"), file).await.unwrap(), 2);
    }
    drop(store);
    let store = reopen(&root).await;
    assert_eq!(store.reindex(|_| ()).await.unwrap().images, 2);
    assert_eq!(store.read(&id("twin")).await.unwrap(), (twin.manifest.clone(), twin.served()));
}

#[tokio::test]
async fn a_recipe_goes_with_its_image_through_adoption_change_and_replacement() {
    let (store, root) = open().await;
    let fox = image("fox", "a fox").with_recipe("{}");
    let recipe = fox.manifest.recipe.clone().unwrap();
    commit_new(&store, &fox).await;
    let bare = store.adopt(image("bare", "a fox").manifest, &id("fox"), Expect::New).await.unwrap();
    assert_eq!(bare, Committed::Created, "nobody need take all of it");
    let twin = image("twin", "a fox").with_recipe("{}").manifest;
    let of_bare = store.adopt(twin.clone(), &id("bare"), Expect::New).await;
    assert!(matches!(of_bare, Err(Error::NotFound)), "who has no recipe cannot hand one on: {of_bare:?}");
    assert_eq!(store.adopt(twin, &id("fox"), Expect::New).await.unwrap(), Committed::Created);
    store.erase(&id("fox")).await.unwrap();
    store.amend(&id("twin"), Vec::new(), |manifest| Ok(Manifest { refined: true, ..manifest })).await.unwrap();
    assert_eq!(store.blob(&id("twin"), &recipe.file, recipe.bytes).await.unwrap(), "{}");
    let expect = Expect::Replacing(fox.manifest.image.digest);
    image("twin", "a better fox").commit(&store, expect).await.unwrap();
    assert!(store.blob(&id("twin"), &recipe.file, recipe.bytes).await.is_err());
    assert_eq!(files_of(&root).len(), 6);
}

#[tokio::test]
async fn erasing_one_owner_frees_nothing_that_another_has() {
    let (store, root) = open().await;
    let fox = image("fox", "a fox");
    commit_new(&store, &fox).await;
    adopt(&store, "twin").await.unwrap();
    let erased = store.erase(&id("fox")).await.unwrap();
    assert_eq!((erased.files, erased.bytes), (3, fox.manifest.to_json().len() as u64), "its manifest alone");
    assert_eq!(store.read(&id("twin")).await.unwrap().1, fox.served());
    let last = store.erase(&id("twin")).await.unwrap();
    assert!(last.bytes > fox.manifest.stored_bytes());
    assert_eq!(files_of(&root).len(), 0);
}

#[tokio::test]
async fn replacing_one_owner_leaves_the_other_its_bytes() {
    let (store, _root) = open().await;
    let fox = image("fox", "a fox");
    commit_new(&store, &fox).await;
    adopt(&store, "twin").await.unwrap();
    let expect = Expect::Replacing(fox.manifest.image.digest);
    image("fox", "a better fox").commit(&store, expect).await.unwrap();
    assert_eq!(store.read(&id("twin")).await.unwrap().1, fox.served());
    assert_eq!(store.source(&id("twin")).await.unwrap().1, fox.blobs[0].1);
}

#[tokio::test]
async fn what_is_expected_holds_for_an_adoption_too() {
    let (store, root) = open().await;
    let (fox, hen) = (image("fox", "a fox"), image("hen", "a hen"));
    commit_new(&store, &fox).await;
    commit_new(&store, &hen).await;
    assert!(matches!(adopt(&store, "hen").await, Err(Error::Conflict(_))));
    assert!(matches!(adopt(&store, "fox").await, Ok(Committed::Existed(_))));
    let expect = Expect::Replacing(hen.manifest.image.digest);
    let replaced = store.adopt(image("hen", "a fox").manifest, &id("fox"), expect).await.unwrap();
    assert_eq!(replaced, Committed::Replaced(Box::new(hen.manifest)));
    assert_eq!(store.read(&id("hen")).await.unwrap().1, fox.served());
    assert_eq!(files_of(&root).len(), 6, "the replaced bytes are gone");
}

#[tokio::test]
async fn an_image_that_has_other_bytes_or_none_or_damaged_ones_is_not_adopted() {
    let (store, root) = open().await;
    assert!(matches!(adopt(&store, "twin").await, Err(Error::NotFound)), "there is none");
    let hen = image("hen", "a hen");
    commit_new(&store, &hen).await;
    let other = store.adopt(image("twin", "a fox").manifest, &id("hen"), Expect::New).await;
    assert!(matches!(other, Err(Error::NotFound)), "{other:?}");
    let path = files_of(&root).into_iter().find(|path| path.contains("hen/image-")).unwrap();
    let path = root.path().join("images").join(path);
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, bytes).unwrap();
    let damaged = store.adopt(image("twin", "a hen").manifest, &id("hen"), Expect::New).await;
    assert!(matches!(damaged, Err(Error::NotFound)), "{damaged:?}");
    assert_eq!(listed(&store).await, ["hen"]);
    assert_eq!(files_of(&root).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adoption_that_races_with_the_others_end_is_whole_or_not_found() {
    let (store, root) = open().await;
    let fox = image("fox", "a fox");
    let mut adopted = 0;
    for round in 0..60 {
        commit_new(&store, &fox).await;
        // Later in each round, so that it meets every step of the adoptions.
        let erase = async {
            for _ in 0..round * 200 {
                tokio::task::yield_now().await;
            }
            store.erase(&fox.manifest.id).await.unwrap();
        };
        let (left, right, ()) = tokio::join!(adopt(&store, "left"), adopt(&store, "right"), erase);
        let mut files = 0;
        for (name, outcome) in [("left", left), ("right", right)] {
            match outcome {
                Ok(Committed::Created) => {
                    assert_eq!(store.read(&id(name)).await.unwrap().1, fox.served());
                    assert_eq!(store.source(&id(name)).await.unwrap().1, fox.blobs[0].1);
                    (adopted, files) = (adopted + 1, files + 3);
                }
                outcome => assert!(matches!(outcome, Err(Error::NotFound)), "{outcome:?}"),
            }
        }
        assert_eq!(files_of(&root).len(), files, "nothing is left over");
        assert_eq!(store.0.index.intents().await.unwrap(), []);
        for name in ["left", "right"] {
            let _ = store.erase(&id(name)).await;
        }
    }
    assert_eq!(files_of(&root).len(), 0, "after {adopted} adoptions");
}
