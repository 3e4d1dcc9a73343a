"""The command `watch`: a page that follows runs while they are at work. No stage; it reads and writes nothing."""

import os
import threading
from pathlib import Path
from typing import Annotated

import typer

from contraflow.watch.page import Sight
from contraflow.watch.recorded import Outcomes
from contraflow.watch.seen import look, require_repositories
from contraflow.watch.server import Server


def watch(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...", help="Repositories, such as other worktrees; none takes the present folder."
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 0,
) -> None:
    """Serve a page that follows the trainings and jobs at work, to this machine alone, until Ctrl-C.

    The experiments that DVC runs in copies of a repository are on it, too, and what recorded ones came to.

    Raises:
        UserError: a folder holds no repository, or the port is taken.
    """
    places = [folder.resolve() for folder in folders or [Path()]]
    require_repositories(places)
    os.nice(19)  # after all that it watches
    outcomes = Outcomes(places)
    with Server(lambda: Sight(look(places), outcomes.found), port) as server:
        threading.Thread(target=outcomes.keep_up, daemon=True).start()
        followed = ", ".join(map(str, folders or [])) or "this folder"
        print(f"{server.address} follows {followed}; Ctrl-C ends it", flush=True)
        server.serve_forever()
