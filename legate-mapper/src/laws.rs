//! What holds for every mapper: answers are legal, and depend on the question only.

use crate::testing::{operand, tiled_rows};
use crate::{DefaultMapper, LoggingMapper, RandomMapper, TomlMapper};
use legate_core::geometry::{Point, Rect};
use legate_core::id::ReductionId;
use legate_core::mapping::{FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper, OperandInfo};
use legate_core::operation::{Cut, Privilege};
use legate_core::region::Sharding;
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

const RULES: &str = r#"
    [[launch]]
    name = "a*"
    map = "tile"
    tile = ["even", 3]
    sharding = "cyclic"
    start = 1000
    [[launch]]
    rank = 1
    map = "single"
    shard = 1000
    [[launch]]
    max_points = 50
    map = "follow"
    operand = 1
    [[field]]
    map = "tile"
    tile = [7, "all", "even"]
    sharding = "cyclic"
    start = 77
"#;

fn mappers(seed: u64) -> Vec<Arc<dyn Mapper>> {
    let random = RandomMapper::new(seed);
    vec![
        Arc::new(DefaultMapper::new()),
        Arc::new(LoggingMapper::new(Arc::new(random.clone()), std::io::sink())),
        Arc::new(random),
        Arc::new(TomlMapper::parse(RULES, Path::new("rules.toml")).unwrap()),
    ]
}

fn machines() -> impl Strategy<Value = MachineView> {
    let counts = (1..=9_u32, 1..=300_u32);
    counts.prop_map(|(shards, cores)| MachineView { shards, cores, memory_bytes: 1 << 30, cache_bytes: 1 << 24 })
}

/// Empty extents, single points, small and large ones; the volume stays far below 2^64.
fn shapes() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(prop_oneof![Just(0), Just(1), 2..40_i64, 1000..20_000_i64], 0..4)
}

fn cuts() -> impl Strategy<Value = Cut> {
    prop_oneof![
        4 => Just(Cut::Free),
        1 => Just(Cut::Never),
        1 => (1..100_u64).prop_map(Cut::Granule),
        1 => (1..2000_u64).prop_map(|granule| Cut::Tree { granule }),
    ]
}

fn operands(shape: Vec<i64>) -> impl Strategy<Value = OperandInfo> {
    let privileges = prop_oneof![
        Just(Privilege::ReadOnly),
        Just(Privilege::WriteDiscard),
        Just(Privilege::ReadWrite),
        Just(Privilege::Reduce(ReductionId(0))),
    ];
    (privileges, any::<bool>(), any::<bool>()).prop_map(move |(privilege, tiled, covers)| {
        let operand =
            if tiled && !shape.is_empty() { tiled_rows(&shape, privilege) } else { operand(&shape, privilege) };
        let image = if covers { operand.image.clone() } else { Rect::from_shape(&vec![1; shape.len()]) };
        OperandInfo { covers, image, ..operand }
    })
}

fn launches() -> impl Strategy<Value = LaunchInfo> {
    shapes().prop_flat_map(|shape| {
        let rank = shape.len();
        let operands = prop::collection::vec(operands(shape.clone()), 0..4);
        let parts = ("[abc]{1,2}", prop::collection::vec(cuts(), rank), operands, 0.0..1e9_f64);
        parts.prop_map(move |(name, cuts, operands, cost_ns)| LaunchInfo {
            name,
            domain: Rect::from_shape(&shape),
            cuts: cuts.into(),
            operands,
            cost_ns,
        })
    })
}

fn check_tiles(tile: &Point, sharding: Sharding, rank: usize, shards: u32) {
    assert_eq!(tile.len(), rank);
    assert!(tile.iter().all(|&extent| extent >= 1), "{tile:?}");
    assert!(matches!(sharding, Sharding::Block) || matches!(sharding, Sharding::Cyclic { start } if start < shards));
}

fn check_launch(mapping: &LaunchMapping, launch: &LaunchInfo, shards: u32) {
    match mapping {
        LaunchMapping::Replicate => {}
        LaunchMapping::Single(shard) => assert!(shard.0 < shards),
        LaunchMapping::Follow(index) => assert!(*index < launch.operands.len()),
        LaunchMapping::Tile { tile, sharding } => check_tiles(tile, *sharding, launch.domain.rank(), shards),
    }
}

proptest! {
    #[test]
    fn launches_are_mapped_legally_and_always_alike(launch in launches(), machine in machines(), seed: u64) {
        for (mapper, twin) in mappers(seed).iter().zip(mappers(seed)) {
            let mapping = mapper.launch(&launch, &machine);
            check_launch(&mapping, &launch, machine.shards);
            prop_assert_eq!(&mapping, &mapper.launch(&launch, &machine));
            // Another shard's mapper, which has been asked other things before.
            twin.field(&[3, 4], 8, &machine);
            twin.chunks(10, 1.0, 80, &machine);
            prop_assert_eq!(&mapping, &twin.launch(&launch, &machine));
        }
    }

    #[test]
    fn fields_are_mapped_legally_and_always_alike(shape in shapes(), bytes in 1..17_u32, machine in machines(), seed: u64) {
        for (mapper, twin) in mappers(seed).iter().zip(mappers(seed)) {
            let mapping = mapper.field(&shape, bytes, &machine);
            if let FieldMapping::Tile { tile, sharding } = &mapping {
                check_tiles(tile, *sharding, shape.len(), machine.shards);
            }
            prop_assert_eq!(mapping, twin.field(&shape, bytes, &machine));
        }
    }

    #[test]
    fn work_is_cut_into_some_chunks(points: u64, cost_ns in 0.0..1e15_f64, bytes: u64, machine in machines(), seed: u64) {
        for (mapper, twin) in mappers(seed).iter().zip(mappers(seed)) {
            prop_assert!(mapper.chunks(points, cost_ns, bytes, &machine) >= 1);
            prop_assert_eq!(mapper.inline(points, bytes, &machine), twin.inline(points, bytes, &machine));
        }
    }

    /// The default policy follows tiles that exist, writes parts where they lie, and gives every shard about the same number of rows.
    #[test]
    fn the_default_policy_is_sensible(launch in launches(), machine in machines()) {
        let tiled = |operand: &OperandInfo| operand.distribution.is_some();
        let part = |operand: &OperandInfo| tiled(operand) && operand.privilege.writes() && !operand.covers;
        match DefaultMapper::new().launch(&launch, &machine) {
            LaunchMapping::Follow(index) => {
                let followed = &launch.operands[index];
                prop_assert!(tiled(followed));
                prop_assert!(part(followed) || !launch.operands.iter().any(part));
            }
            LaunchMapping::Tile { tile, sharding } => {
                let shape = launch.domain.shape();
                let cut: Vec<usize> = (0..shape.len()).filter(|&d| tile[d] < shape[d]).collect();
                prop_assert_eq!(cut.len(), 1);
                prop_assert!(!matches!(launch.cuts[cut[0]], Cut::Never));
                prop_assert!((shape[cut[0]] as u64).div_ceil(tile[cut[0]] as u64) <= u64::from(machine.shards));
                prop_assert_eq!(sharding, Sharding::Block);
            }
            LaunchMapping::Replicate => {
                prop_assert!(machine.shards == 1 || launch.domain.is_empty() || !launch.operands.iter().any(part));
            }
            LaunchMapping::Single(_) => prop_assert!(false, "the default policy leaves no shard idle"),
        }
    }
}
