//! Documents name files as the way out calls them.

use amtsbote_adapter::placement::{Layout, Placement};

use crate::bench::{Bench, Draft, parcel};

#[tokio::test]
async fn documents_name_files_as_the_way_out_calls_them() {
    let bench = Bench::new().await;
    let way = Placement {
        layout: Layout::Flat,
        name: "FS_{parcel}".to_owned().try_into().unwrap(),
        marker: None,
        trigger: None,
    };
    *bench.procedure.names.lock().unwrap() = way.names();
    let ids = bench.send(Draft::good()).await;
    bench.round().await;
    bench.assert_finished(&ids).await;
    let files = bench.procedure.arrived(parcel(&ids)).unwrap();
    let (_, named) = files.iter().find(|(path, _)| path == "steuer.txt").unwrap();
    let lies = format!("FS_{}_antrag.json", parcel(&ids));
    assert_eq!(*named, lies.into_bytes());
}
