"""How nbconvert runs the course's notebooks and turns them into HTML.

nbconvert does not look for this file in the working directory. The course's commands name it;
for `jupyter nbconvert` by hand `setup/configure_jupyter.py` registers it in the environment.
"""

from pathlib import Path

c = get_config()  # noqa: F821  (nbconvert provides it)

# Training takes as long as it takes, and the first import of TensorFlow can be slow.
c.ExecutePreprocessor.timeout = None
c.ExecutePreprocessor.startup_timeout = 600
c.ExecutePreprocessor.iopub_timeout = 60

# A notebook has each exercise and its solution side by side. Pages, slides and runs are the
# student's edition; only `course.py editions` writes the teacher's.
c.TagRemovePreprocessor.enabled = True
c.TagRemovePreprocessor.remove_cell_tags = {"solution"}

# Widgets need a running kernel; in HTML the static picture beside each of them is shown.
c.ExecutePreprocessor.store_widget_state = False
c.ExecutePreprocessor.record_timing = False
c.NbConvertBase.display_data_priority = [
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/html",
    "text/markdown",
    "text/latex",
    "text/plain",
    "application/vnd.jupyter.widget-view+json",
]

# Added behind the execution (nbconvert's own place for it is before): prints that came in pieces
# become one text, and of a progress bar only the last state stays.
c.Exporter.preprocessors = ["nbconvert.preprocessors.CoalesceStreamsPreprocessor"]

# Pages that load nothing from the network and describe their pictures: templates/course.
c.TemplateExporter.extra_template_basedirs = [str(Path(__file__).resolve().parent / "templates")]
c.HTMLExporter.template_name = "course"
c.HTMLExporter.embed_images = True
c.SlidesExporter.template_name = "reveal"

# Of JupyterLab, which reads this file too. Bytes: an uploaded photo is one message, and a larger
# one than this cuts the page off the kernel.
c.ServerApp.tornado_settings = {"websocket_max_message_size": 64 * 1024**2}
