"""Which results need not be made again: those of finished jobs that would do the same today."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from contraflow.engines.jobs import Store, Trace, content_digest
from contraflow.foundations.stages import Stages, chosen

Find = Callable[[str], Path | None]  # where a file lies, by its hash


class Vouching:
    """What the traces in a store vouch for.

    Args:
        targets: For each stage all files that its jobs make with today's parameters, as paths from the root.
        values: Today's parameters.
        recorded: When DVC last recorded anything, in seconds since the epoch.
    """

    def __init__(
        self,
        stages: Stages,
        store: Store,
        targets: Mapping[str, set[str]],
        values: Mapping[str, Any],
        recorded: float,
    ):
        self._stages, self._store, self._targets, self._values = stages, store, targets, values
        self._recorded = recorded

    def traces(self, stages: Collection[str]) -> list[Trace]:
        """Those of jobs of these stages that today's parameters ask for."""
        return [t for t in self._store.traces() if t.stage in stages and self._targets[t.stage] & t.outputs.keys()]

    def right(self, stale: set[str], find: Find, damaged: Collection[str]) -> dict[str, str]:
        """Files of stale stages that need not be made again, with their hashes; of a damaged one those made since."""
        right: dict[str, str] = {}
        traces = self.traces(stale)
        for stage in [name for name in self._stages.names if name in stale]:
            code, since = self._stages.code(stage), self._recorded if stage in damaged else 0
            left = [t for t in traces if t.stage == stage and t.code == code and t.written > since]
            found = True
            while found:  # a job of a stage may read what another of its jobs makes
                found = False
                for trace in left:
                    if not trace.outputs.keys() <= right.keys() and self._holds(trace, right, stale, find):
                        right |= trace.outputs
                        found = True
        return right

    def _holds(self, trace: Trace, right: Mapping[str, str], stale: set[str], find: Find) -> bool:
        """Whether a job with today's parameters and inputs would do what the trace tells, and its files exist."""
        if trace.params != chosen(self._values, trace.params):
            return False
        for path, digest in trace.inputs.items():
            if path in right:
                now = right[path]
            elif self._stages.made_by(path, stale):
                return False
            else:
                now = content_digest(self._stages.root / path)
            if now != digest:
                return False
        there = self._stages.root
        return all(content_digest(there / path) == digest or find(digest) for path, digest in trace.outputs.items())
