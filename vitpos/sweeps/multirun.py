"""Hydra's own multirun, for its sweepers that search and for launchers of others.

`hydra/sweeper=optuna`, `hydra/launcher=joblib` and all `hydra.KEY=VALUE` of the command line mean
what Hydra says. Its classes are not meant to be started by others: their names are here and nowhere
else. What a run is, is composed by `config` from the words of a job.
"""

import importlib
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from packaging.version import Version

from vitpos import identities, plugins
from vitpos.errors import BadInput, Unfinished, UserError
from vitpos.sweeps import searches
from vitpos.sweeps.jobs import Batches, Jobs
from vitpos.sweeps.plan import Plan
from vitpos.sweeps.searches import OURS, Asked

PLUGINS = Path(__file__).parents[1] / "_hydra"
CHATTY = ("alembic", "optuna", "submitit")


def run(words: Sequence[str], seeds: int | None, go: Callable[[Plan], None]) -> str:
    """Have Hydra's sweeper make jobs until it is content; where their runs lie.

    `go` runs the members of a plan; launchers of others start processes of their own. Raises
    `BadInput`, and at the end `Unfinished` if jobs have no result.
    """
    asked = searches.read(words, seeds)
    searches.check(asked)
    jobs = jobs_of(asked)
    place = Path(jobs.common.get("outputs", "outputs")).expanduser().absolute() / jobs.study
    folder = place / "hydra"
    searches.lay_out(folder / "configs", asked)
    launcher = asked.option("hydra/launcher") or OURS
    batches = Batches(jobs, go, searching=asked.searching)
    task: Any = batches if launcher == OURS else jobs
    try:
        hydra = hydra_of(folder / "configs", ours=launcher == OURS)
        hydra.multirun("train", task, [*searches.settings(asked, folder), *asked.jobs])
    except (BadInput, Unfinished) as error:
        if launcher == OURS:
            raise
        raise Unfinished(f"a job has no result: {error.message}", error.hint) from error
    except UserError:
        raise
    except Exception as error:
        complaint = explained(error)
        if complaint is not None:
            raise complaint from error
        if not batches.lost:  # a sweeper is at a loss where no job has a value
            raise
    if batches.lost:
        said = f"{len(batches.lost)} of {batches.total} jobs have no result"
        raise Unfinished(f"{said}: {'; '.join(batches.lost[:3])}", f"vitpos list runs {place}")
    return str(place)


def jobs_of(asked: Asked) -> Jobs:
    """What its jobs have in common."""
    return Jobs(
        study=asked.name,
        design=searches.design(asked),
        common={k: v for k, v in asked.grid.common.items() if k in identities.COSMETIC},
        swept=tuple(axis.key for axis in asked.grid.axes),
        seeds=asked.seeds,
        trusted=tuple(plugins.TRUSTED),
    )


def hydra_of(configs: Path, *, ours: bool) -> Any:
    """Hydra, reading only these files; the version that it imitates is its own."""
    import hydra
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from hydra.core.global_hydra import GlobalHydra

    if Version(hydra.__version__) < Version("1.4.0.dev0"):
        from hydra import version

        version.setbase("1.3")
    if ours:
        register()
    GlobalHydra.instance().clear()
    search_path = create_config_search_path(f"file://{configs}")
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    made = Hydra.create_main_hydra2(task_name=OURS, config_search_path=search_path)
    GlobalHydra.instance().clear()  # for `config`, which composes each job
    return made


def register() -> None:
    """Make our launcher one of Hydra's plugins, which must lie in a namespace of theirs."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins

    if str(PLUGINS) not in sys.path:
        sys.path.append(str(PLUGINS))
    importlib.invalidate_caches()
    launcher = importlib.import_module("hydra_plugins.vitpos_launcher").VitposLauncher
    Plugins.instance().register(launcher)
    node = {"_target_": f"{launcher.__module__}.{launcher.__name__}"}
    ConfigStore.instance().store(group="hydra/launcher", name=OURS, node=node, provider=OURS)


def words_of_this_job() -> list[str]:
    """The overrides of the job that Hydra runs in this process."""
    from hydra.core.hydra_config import HydraConfig

    return list(HydraConfig.get().overrides.task)


def explained(error: Exception) -> BadInput | None:
    """What the user can mend of what Hydra says; None if it is something else."""
    from hydra.errors import HydraException, MissingConfigException
    from omegaconf.errors import OmegaConfBaseException

    if not isinstance(error, HydraException | OmegaConfBaseException | ImportError):
        return None
    said = " ".join(str(error.__cause__ or error).split())
    if isinstance(error, MissingConfigException):
        said = f"there is no {error.missing_cfg_file}"
        known = ", ".join(error.options or ())
        return BadInput(said, f"installed are {known}; pip install vitpos[optuna] has more")
    return BadInput(f"hydra: {said[:300]}")
