use super::*;
use crate::testing::{launch, machine, operand, tiled_rows};
use legate_core::id::ShardId;
use legate_core::operation::{Cut, Privilege};
use legate_core::region::Sharding;
use smallvec::smallvec;

fn policy(text: &str) -> TomlMapper {
    TomlMapper::parse(text, Path::new("p.toml")).unwrap()
}

fn answer(policy: &TomlMapper, name: &str, shape: &[i64], shards: u32) -> LaunchMapping {
    let cuts = vec![Cut::Free; shape.len()];
    let operands = vec![operand(shape, Privilege::WriteDiscard), tiled_rows(shape, Privilege::ReadOnly)];
    policy.launch(&launch(name, shape, &cuts, operands), &machine(shards))
}

#[test]
fn the_first_rule_that_fits_answers() {
    let rules = policy(
        r#"
        [[launch]]
        name = "matmul*"
        map = "tile"
        tile = ["even", 256, "all"]
        sharding = "cyclic"
        start = 5
        [[launch]]
        name = "matmul*"
        map = "replicate"
        [[launch]]
        rank = 1
        min_points = 100
        max_points = 200
        map = "follow"
        operand = "largest-read"
        [[launch]]
        name = "?rint"
        map = "single"
        shard = 4
        "#,
    );
    let tile = LaunchMapping::Tile { tile: smallvec![334, 256, 70], sharding: Sharding::Cyclic { start: 2 } };
    assert_eq!(answer(&rules, "matmul.f64", &[1000, 80, 70], 3), tile, "start is a shard of three");
    assert_eq!(answer(&rules, "matmul.f64", &[1000, 80], 3), LaunchMapping::Replicate, "the tile is not of this rank");
    assert_eq!(answer(&rules, "add", &[100], 3), LaunchMapping::Follow(1));
    assert_eq!(answer(&rules, "add", &[99], 3), LaunchMapping::Replicate, "the default policy's");
    assert_eq!(answer(&rules, "print", &[201], 3), LaunchMapping::Single(ShardId(1)), "a shard of three");
}

#[test]
fn an_operand_that_is_not_there_is_no_answer() {
    let rules =
        policy("[[launch]]\nmap = 'follow'\noperand = 2\n[[launch]]\nmap = 'follow'\noperand = 'largest-written'\n");
    assert_eq!(answer(&rules, "add", &[7], 2), LaunchMapping::Follow(0));
}

#[test]
fn the_documented_example_is_a_policy() {
    let rules = policy(&crate::testing::documented_example(include_str!("mod.rs")));
    assert_eq!((rules.launches.len(), rules.fields.len(), rules.tunable("fusion_window")), (3, 1, Some(64)));
}

#[test]
fn fields_have_rules_too() {
    let rules =
        policy("[[field]]\nmap = 'tile'\ntile = [128, 'all']\n[[field]]\nmax_points = 1000000\nmap = 'replicate'\n");
    let tiles = FieldMapping::Tile { tile: smallvec![128, 30], sharding: Sharding::Block };
    assert_eq!(rules.field(&[500, 30], 8, &machine(2)), tiles);
    assert_eq!(rules.field(&[1_000_000], 8, &machine(2)), FieldMapping::Replicate);
    let default = FieldMapping::Tile { tile: smallvec![500_736], sharding: Sharding::Block };
    assert_eq!(rules.field(&[1_000_001], 8, &machine(2)), default);
}

#[test]
fn numbers_are_read_and_the_rest_is_the_other_mapper() {
    let rules = policy("[thresholds]\ninline_points = 0\nchunks_per_core = 2\n[tunables]\nwindow = -3\n");
    assert!(!rules.inline(1, 8, &machine(1)));
    assert_eq!(rules.chunks(1, 0.0, 16 << 20, &machine(1)), 8);
    assert_eq!((rules.tunable("window"), rules.tunable("other")), (Some(-3), None));
    assert_eq!(rules.name(), "p.toml");

    let random = policy("otherwise = 'random:9'\n");
    let expected = crate::RandomMapper::new(9).field(&[10, 20], 8, &machine(3));
    assert_eq!(random.field(&[10, 20], 8, &machine(3)), expected);
    let other = policy("[tunables]\na = 1\n").before(Arc::new(policy("[tunables]\na = 2\nb = 2\n")));
    assert_eq!((other.tunable("a"), other.tunable("b")), (Some(1), Some(2)));
}

#[test]
fn mistakes_are_told_with_file_line_and_key() {
    let told = |text: &str, place: &str, what: &str| {
        let message = TomlMapper::parse(text, Path::new("p.toml")).unwrap_err().to_string();
        assert!(message.starts_with(&format!("p.toml:{place}: ")) && message.contains(what), "{message}");
    };
    told("thresholds = 3\n", "1:14", "in 'thresholds': ");
    told("[thresholds]\ninline = 3\n", "2:1", "unknown field `inline`, expected one of `inline_points`");
    told("[thresholds]\ninline_points = 'many'\n", "2:17", "in 'thresholds.inline_points': invalid type");
    told("[thresholds]\nchunks_per_core = 0\n", "1:1", "in 'thresholds': chunks_per_core is at least 1");
    told("[thresholds]\nchunk_ns = -1\n", "1:1", "chunk_ns, parallel_ns and catch_up_ns are times");
    told(
        "[thresholds]\ncore_bytes_per_ns = 0.0\n",
        "1:1",
        "core_bytes_per_ns and network_bytes_per_ns are more than 0",
    );
    told("[tunables]\nwindow = 'wide'\n", "2:10", "in 'tunables.window': ");
    told("[[launch]]\nname = 'a'\n", "1:1", "in 'launch': missing field `map`");
    told("[[launch]]\nmap = 'tiles'\n", "2:7", "unknown variant `tiles`, expected one of `replicate`");
    told("[[launch]]\nmap = 'tile'\n", "2:7", "wants the extents of a tile");
    told("[[launch]]\nmap = 'tile'\ntile = [0]\n", "3:9", "a number of points from 1");
    told("[[launch]]\nmap = 'tile'\ntile = ['odd']\n", "3:9", "\"even\" or \"all\"");
    told("[[launch]]\nmap = 'tile'\ntile = [1, 2]\nrank = 3\n", "3:8", "2 extents does not fit rank 3");
    told("[[launch]]\nmap = 'tile'\ntile = [1]\nstart = 1\n", "4:9", "start means something only with sharding");
    told("[[launch]]\nmap = 'follow'\n", "2:7", "wants an operand");
    told("[[launch]]\nmap = 'follow'\noperand = -1\n", "3:11", "in 'launch.operand': ");
    told("[[launch]]\nmap = 'follow'\noperand = 'first'\n", "3:11", "largest-read");
    told("[[launch]]\nmap = 'replicate'\nshard = 1\n", "3:9", "shard means something only with map = \"single\"");
    told("[[launch]]\nmap = 'replicate'\n[[field]]\nmap = 'single'\n", "4:7", "unknown variant `single`");
    told("[[field]]\nmap = 'replicate'\ntile = [1]\n", "3:8", "in 'field.tile': tile means something only with");
    told("otherwise = 'nobody'\n", "1:13", "no mapper is called 'nobody'");
    told("otherwise = 'other.toml'\n", "1:13", "cannot fall back on another file's");
    told("otherwise = 'random:1'\n[thresholds]\n", "2:1", "thresholds are the default policy's");
}
