"""`sp3f work`: makes stages for the process that started it; for nobody to call."""

from sp3f_lib.commands.app import app, main
from sp3f_lib.pipeline.workers import serve


@app.command("work", hidden=True)
def work() -> None:
    """Make the stages that come, one a line, from the standard input."""
    serve(main)
