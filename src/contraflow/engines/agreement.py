"""Snakemake believes modification times, DVC keeps content hashes: here the times are made to say what the hashes know.

Snakemake's own records and the files' times do not follow `dvc checkout`, `dvc exp apply`, `dvc pull` or the run-cache.
Before Snakemake builds its graph, `align` asks DVC which stages are up to date and sets the times of their outputs so
that Snakemake comes to the same verdict. Inside a stage that is not, the traces of the jobs tell which files are right
all the same: those of a killed run, or of the seeds that stay when one is added. After a run, `record` tells DVC what
was made. Where DVC itself runs a stage, whose outputs it deletes first, `bring_back` puts such files into place again.

What is recorded is what the jobs wrote, and from what: a file that somebody changed since is put back first, or its
stage is not recorded, as where what it was made from was changed.
"""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from contraflow.engines.dvc import LOCK, Dvc
from contraflow.engines.expected import expect, require_expected
from contraflow.engines.images import require_images
from contraflow.engines.jobs import Store, Trace, content_digest, place
from contraflow.engines.recordable import require_recordable
from contraflow.engines.times import STALE, bring_to_present, set_times
from contraflow.engines.vouching import Find, Vouching
from contraflow.foundations.artefacts import write_text
from contraflow.foundations.errors import UserError
from contraflow.foundations.progress import say
from contraflow.foundations.stages import Stages, files_at
from contraflow.params import Params, load_params

LOOKED = Path(".snakemake", "contraflow.looked")  # its time says when a run of DVC last looked at the user's images
ATTEMPTS = 3  # to record a stage whose files somebody changes at the same time


class Agreement:
    """What the two engines are to agree on.

    Args:
        root: The repository.
        params: Parameters of the run.
        targets: For each stage all files that its jobs make with these parameters, as paths from the root.
    """

    def __init__(self, root: Path, params: Params, targets: Mapping[str, Iterable[str]]):
        self.root = root
        self.stages, self.dvc, self.store = Stages(root), Dvc(root), Store(root)
        self.targets = {stage: set(files) for stage, files in targets.items()}
        self._params, self._changes, self._started = params, dict[str, list](), time.time()
        recorded = self.dvc.lock.stat().st_mtime if self.dvc.lock.is_file() else 0.0
        self._vouching = Vouching(self.stages, self.store, self.targets, params.model_dump(), recorded)

    def align(self) -> None:
        """Set the times of all outputs so that Snakemake reruns what DVC would.

        Outputs of a stage that is up to date get one common time, no older than its inputs. Of a stage that is not, and
        of all stages below it, files that need not be made again get the present time, the others the oldest there is.
        A stage that a killed run left complete is recorded.

        Raises:
            UserError: DVC cannot tell, because this is no DVC repository or its files are damaged, a folder of images
                is not fit for the run (see `require_images`), or results cannot be written.
        """
        require_recordable(self.root, self.stages)
        require_images(self.root, self._params)
        self._let_go()
        self._changes, now = self.dvc.changes(), time.time()
        self._bring_to_present(now)
        stale = self._stale()
        right = self._right(stale, self.store.find) if stale else {}
        self._put_into_place(right, self.store.find)
        for stage in self.stages.names:
            made, measured = self._files(self.stages.outputs(stage)), self._benchmarks(stage)
            if stage in stale:
                keep = {self.root / path for path in right}
                set_times([file for file in made if file not in keep], STALE)
                set_times([file for file in made if file in keep] + measured, now)
            elif made:
                times = {file.lstat().st_mtime for file in made + measured}
                inputs = self._files(self.stages.inputs(stage))
                newest_input = max((max(file.lstat().st_mtime, file.stat().st_mtime) for file in inputs), default=0)
                if len(times) > 1 or newest_input > min(times):
                    set_times(made + measured, now)
        if self._commit(stale, right):  # those below may be up to date with what is recorded now
            self._changes = self.dvc.changes()
        for stage in stale - self._stale():  # DVC also puts links or copies of its own in place of the files
            set_times(self._files(self.stages.outputs(stage)) + self._benchmarks(stage), now)

    def record(self, params: Params) -> None:
        """Tell DVC about the stages that a direct run of Snakemake has brought up to date.

        Args:
            params: What `params.yaml` holds now: where it was edited during the run, nothing is recorded.

        Raises:
            UserError: files are changed while DVC records them, again and again, or what they were made from is.
        """
        if params != self._params:
            say("params.yaml was changed during the run: the next `snakemake` records what still fits it")
            return
        stale = self._stale()
        right, lost = self._put_back(stale)
        if lost:
            say(f"{lost}: the next `snakemake` makes it anew")
        self._commit(stale, right)

    def put_back(self, stage: str) -> None:
        """Before DVC records a stage that it has just run: its files as their jobs wrote them.

        Raises:
            UserError: that is not possible.
        """
        above = {path: md5 for other in self.stages.above(stage) for path, md5 in self.dvc.recorded(other).items()}
        traces = self._of_this_run({stage})
        for path, digest in (read for trace in traces for read in trace.inputs.items()):
            if above.get(path, digest) != digest:
                raise UserError(f"{path} was changed after its stage had ended: run the same command again")
        right, lost = self._put_back({stage})
        if lost:
            raise UserError(f"{lost}: run the same command again")
        read = {path for trace in traces for path in trace.inputs if not self.stages.made_by(path, self.stages.names)}
        expect(self.root, stage, right, {path: content_digest(self.root / path) for path in read})

    def bring_back(self, stage: str, since: float) -> None:
        """Put the files of a stage that DVC has just deleted back into place where they need not be made again.

        These are the files that a killed run had finished, and those that `dvc.lock` records and that the change behind
        this run does not concern. Where all are such, nothing has changed, and DVC was told to `--force` the stage.

        Raises:
            UserError: a stage that DVC has run `since` it started was recorded otherwise than its jobs wrote it, or as
                of `align`.
        """
        require_expected(self.root, self.dvc, since)
        require_recordable(self.root, self.stages)
        looked = self.root / LOOKED
        if not looked.is_file() or looked.stat().st_mtime < since:
            require_images(self.root, self._params)
            looked.touch()
        self._let_go()
        self._bring_to_present(time.time())
        self._keep_what_dvc_lost()
        recorded = self.dvc.recorded(stage)

        def find(digest: str) -> Path | None:
            return self.store.find(digest) or (self.dvc.cached(digest) if digest in recorded.values() else None)

        right = self._right({stage}, find)
        forced = self.targets[stage] <= right.keys() and right.items() <= recorded.items()
        if not forced:
            self._put_into_place(right, find)
            set_times([self.root / path for path in right] + self._benchmarks(stage), time.time())

    def _put_back(self, stale: set[str]) -> tuple[dict[str, str], str]:
        """Undo what somebody did to files of stale stages since their jobs ended.

        Returns:
            The files that are right then, with their hashes; words on what this run made that is not, if there is any.
        """
        right = self._right(stale, self.store.find)
        for path in self._put_into_place(right, self.store.find):
            say(f"{path} was changed after its job had ended: what the job wrote is put back")
        made = {path for trace in self._of_this_run(stale) for path in trace.outputs}
        if not (lost := sorted(made - right.keys())):
            return right, ""
        several = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
        return right, f"{lost[0]}{several} was changed, or what it was made from, before it was recorded"

    def _of_this_run(self, stages: set[str]) -> list[Trace]:
        return [trace for trace in self._vouching.traces(stages) if trace.written > self._started]

    def _bring_to_present(self, now: float) -> None:
        """No file that the engines compare is dated in the future, which Snakemake takes for newer than its results."""
        stages = self.stages
        paths = {path for name in stages.names for path in (*stages.inputs(name), *stages.outputs(name))}
        bring_to_present(self._files({*paths, LOCK}), now, self.root)

    def _keep_what_dvc_lost(self) -> None:
        """Keep results that DVC's cache no longer has: DVC is about to delete them, stage by stage."""
        lost: dict[str, set[str]] = {}
        for trace in self._vouching.traces(set(self.stages.names)):
            for path, digest in trace.outputs.items():
                if not self.store.find(digest) and not self.dvc.cached(digest):
                    lost.setdefault(path, set()).add(digest)
        for path, digests in lost.items():
            if (digest := content_digest(self.root / path)) in digests:
                self.store.put(self.root / path, digest)

    def _let_go(self) -> None:
        """Empty the store of what DVC has by now, but for the results as they lie there.

        It is for runs that did not come that far, and where the cache is deleted: `dvc exp run` empties `results` then.
        """
        for digest, path in self.store.forget().items():
            file = self.root / path
            if not self.store.shares(digest, file) and self.dvc.cached(digest) and not self.store.share(digest, file):
                self.store.drop([digest])

    def _stale(self) -> set[str]:
        """The stages that DVC calls changed, and all below them."""
        stale: set[str] = set()
        for stage in self.stages.names:
            if stage in self._changes or self.stages.above(stage) & stale:
                stale.add(stage)
        return stale

    def _right(self, stale: set[str], find: Find) -> dict[str, str]:
        """Files of stale stages that need not be made again, with their hashes."""
        damaged = {stage for stage in stale if self._only_outputs_changed(stage)}
        return self._vouching.right(stale, find, damaged)

    def _only_outputs_changed(self, stage: str) -> bool:
        """Whether somebody changed a stage's outputs and nothing else: then DVC wants all of them made again.

        What is merely not in its cache, which was deleted or moved, may be whole all the same.
        """
        changes = self._changes.get(stage, [])
        if not all(isinstance(change, dict) and set(change) == {"changed outs"} for change in changes):
            return False
        return any(state != "not in cache" for change in changes for state in change["changed outs"].values())

    def _put_into_place(self, right: dict[str, str], find: Find) -> list[str]:
        """Make the files what their hashes say; the paths of those that were not."""
        changed = [path for path, digest in right.items() if content_digest(self.root / path) != digest]
        for path in changed:
            if source := find(right[path]):
                # A link to DVC's cache would let an edit of the file reach into the cache.
                place(source, self.root / path, copy=not source.is_relative_to(self.store.folder))
        return changed

    def _commit(self, stale: set[str], right: dict[str, str]) -> list[str]:
        """Record the stale stages whose files are all right, up to the first that is not, and return them."""
        complete = set(self.stages.names) - stale
        for stage in self.stages.names:
            if stage in stale and self.targets[stage] <= right.keys() and self.stages.above(stage) <= complete:
                complete.add(stage)
        if not (made := [stage for stage in self.stages.names if stage in complete & stale]):
            return []
        for stage in made:  # what earlier parameters (a seed, a round) left there
            for file in self._files(self.stages.outputs(stage)):
                if file.lstat().st_mtime == STALE:
                    _remove(file)
        self._record_what_jobs_wrote(made, right)
        self._changes = {stage: changes for stage, changes in self._changes.items() if stage not in made}
        return made

    def _record_what_jobs_wrote(self, stages: list[str], right: dict[str, str]) -> None:
        """`dvc commit`, which takes files, and what they were made from, as they are just then: looked at again, since
        anybody may write there.
        """
        before = self.dvc.lock.read_text(encoding="utf-8") if self.dvc.lock.is_file() else None
        wanted = {path: right[path] for stage in stages for path in self.targets[stage]}
        for _ in range(ATTEMPTS):
            self.dvc.commit(stages)
            recorded = {path: digest for stage in stages for path, digest in self.dvc.recorded(stage).items()}
            wrong = sorted(path for path, digest in wanted.items() if recorded.get(path) != digest)
            if not wrong:
                wrong = self._no_longer_right(stages, wanted)
                why = "was changed, or what it was made from, while it was recorded: run the same command again"
                break
            why = "is changed while it is recorded, again and again: stop what writes there"
            self.dvc.forget(stages)
            self._put_into_place(wanted, self._find_anywhere)
        if not wrong:
            return
        if before is None:
            self.dvc.lock.unlink()
        else:
            write_text(self.dvc.lock, before)
        raise UserError(f"{wrong[0]} {why}")

    def _no_longer_right(self, stages: list[str], wanted: dict[str, str]) -> list[str]:
        """Files that the code, the parameters or the files that there are now would not make so, sorted."""
        if load_params(self.root / "params.yaml") != self._params:
            return ["params.yaml"]
        right = self._right(set(stages), self._find_anywhere)
        return sorted(path for path, digest in wanted.items() if right.get(path) != digest)

    def _find_anywhere(self, digest: str) -> Path | None:
        return self.store.find(digest) or self.dvc.cached(digest)

    def _benchmarks(self, stage: str) -> list[Path]:
        """Snakemake's measurements of a stage's jobs, which it takes for outputs when it compares times."""
        return self._files([f"logs/benchmarks/{stage}"])

    def _files(self, paths: Iterable[str]) -> list[Path]:
        """All files that lie at or under the paths now."""
        return [file for path in paths if (self.root / path).exists() for file in files_at(self.root / path)]


def _remove(file: Path) -> None:
    """Remove a file, and the folders that it leaves empty."""
    file.unlink()
    folder = file.parent
    while not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
