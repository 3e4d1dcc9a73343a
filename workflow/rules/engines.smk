# Snakemake and DVC agree on what is up to date before a job starts, and on what was made after the last one. What then
# differs between equal runs goes into results/circumstances.html, beside the report that it belongs to.

DVC_RUNS = os.environ.get("DVC_STAGE")  # the stage that DVC itself is running: it decides what runs, and records it
STAGE_OF = {rule.name: Path(rule.snakefile).stem for rule in workflow.rules}
TARGETS = {stage: list(getattr(rules, stage).input) for stage in dict.fromkeys(STAGE_OF.values())}
MAKERS = {stage: [rule for rule in STAGE_OF if STAGE_OF[rule] == stage != rule] for stage in TARGETS}


def agree():
    """Make the two agree; None where there is nothing to agree on, or another run is at work: beside it, one can plan."""
    if not Path("dvc.yaml").is_file():
        return None
    stop_at_once(submits=lambda: not workflow.local_exec)
    since = end_with_dvc() if DVC_RUNS else None
    without_git = None
    try:
        require_meant(sys.argv[1:], MAKERS)
        if not alone(Path.cwd()):
            return None
        if not workflow.output_settings.dryrun:
            begin_run(Path.cwd())
        without_git = complaint(Path.cwd())
        agreement = Agreement(Path.cwd(), PARAMS, TARGETS)
        begin(agreement.store.folder, Path.cwd())
        if DVC_RUNS:
            agreement.bring_back(DVC_RUNS, since)
        else:
            agreement.align()
    except (UserError, OSError) as error:
        raise WorkflowError(without_git or str(error)) from None
    if without_git:
        logger.warning(without_git)
    return agreement


def record(success):
    """DVC gets what the jobs wrote: from here, or from the `dvc` that runs this stage and takes the files as they are."""
    try:
        if AGREEMENT and not DVC_RUNS:
            AGREEMENT.record(load_params(Path("params.yaml")))
        elif AGREEMENT and success:
            AGREEMENT.put_back(DVC_RUNS)
    except UserError as error:
        raise WorkflowError(str(error)) from None


def tell_circumstances():
    """Write where the report comes from beside it, if this run has made it: its job then wrote its log."""
    log = Path(rules.write_report.log[0])
    if AGREEMENT and log.is_file() and log.stat().st_mtime > STARTED:
        try:
            submitted = not workflow.local_exec
            write_circumstances(list(TARGETS), Path("results/report.html"), submitted=submitted)
        except (UserError, OSError) as error:
            logger.warning(f"results/circumstances.html was not written: {error}")


work_for_me()
STARTED = time.time()
AGREEMENT = agree() if workflow.is_main_process else None


onstart:
    if workflow.local_exec and not gpus() and DVC_RUNS in (None, STAGE_OF["pretrain_seed"]):
        logger.info(f"No GPU here: training on the CPU, {cores()} cores.")


onsuccess:
    record(success=True)
    tell_circumstances()


onerror:
    record(success=False)
