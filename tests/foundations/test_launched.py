import pytest

from contraflow.foundations.errors import UserError
from contraflow.foundations.launched import Launch, launch

TORCHRUN = {"WORLD_SIZE": "4", "RANK": "3", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}
SRUN = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "SLURM_JOB_ID": "17", "SLURM_STEP_ID": "2"}
PORT = 20000 + 7 * 17 + 2


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in [*TORCHRUN, *SRUN, "SLURM_STEP_NODELIST"]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def said(monkeypatch):
    """`said(variables)`: what a launcher says."""
    return lambda variables: [monkeypatch.setenv(*each) for each in variables.items()]


@pytest.mark.parametrize("variables", [{}, TORCHRUN | {"WORLD_SIZE": "1"}, SRUN | {"SLURM_STEP_NUM_TASKS": "1"}])
def test_one_process_is_the_only_one(said, variables):
    said(variables)
    assert launch() == Launch() and launch().first


def test_torchrun(said):
    said(TORCHRUN)
    assert launch() == Launch(3, 4, "10.0.0.1", 29500) and not launch().first


@pytest.mark.parametrize(
    ("hosts", "first"),
    [
        ("login", "login"),
        ("a,b[1-2]", "a"),
        ("gpu[07-09,11],login", "gpu07"),
        ("gpu[3,5]", "gpu3"),
        ("rack1-n[01-02]-ib,x[1-2]", "rack1-n01-ib"),
    ],
)
def test_srun(said, hosts, first):
    said(SRUN | {"SLURM_STEP_NODELIST": hosts})
    assert launch() == Launch(1, 2, first, PORT)


def test_what_torchrun_says_within_a_job_of_slurm_goes_first_and_a_port_can_be_set(said):
    said(SRUN | {"SLURM_STEP_NODELIST": "a,b", "MASTER_PORT": "4000"})
    assert launch() == Launch(1, 2, "a", 4000)
    said(TORCHRUN)
    assert launch().of == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"MASTER_ADDR": None}, "MASTER_ADDR is not set"),
        ({"RANK": None}, "RANK is not set"),
        ({"MASTER_PORT": "x"}, "must be whole numbers.*'x'"),
        ({"WORLD_SIZE": "two"}, "must be whole numbers.*'two'"),
    ],
)
def test_what_is_missing_is_named(said, changes, message):
    said({name: value for name, value in (TORCHRUN | changes).items() if value is not None})
    with pytest.raises(UserError, match=message):
        launch()


@pytest.mark.parametrize("hosts", ["r[1-2]n[3-4]", ""])
def test_a_list_of_hosts_that_leaves_the_first_open_asks_for_it(said, hosts):
    said(SRUN | {"SLURM_STEP_NODELIST": hosts})
    with pytest.raises(UserError, match="MASTER_ADDR must name the first of the hosts"):
        launch()
    said({"MASTER_ADDR": "r1n3"})
    assert launch().address == "r1n3"
