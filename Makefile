# The course's two commands are `make report` and `make test`; README.md says what is behind each.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
READY  := $(VENV)/.ready

.PHONY: FORCE report test lab train editions slides site download reference check format lock clean uninstall help

help:
	@echo "make report     run every notebook and write output/<data set>/report.html"
	@echo "make test       run the tests (of an edition: look for what the course needs)"
	@echo "make lab        open the course in JupyterLab (ARGS=--no-browser and others go there)"
	@echo "make download   download FER-2013 into data/"
	@echo "make editions   write the notebooks without (student) and with (teacher) the solutions, and zips"
	@echo "make slides     write a deck of slides of each notebook to output/slides/"
	@echo "make site       write a folder to publish to output/site/<data set>/"
	@echo "make train ARGS='-optim SGD -lr 0.003 -ep 100'   train with your own parameters"
	@echo "make reference  make output/fer2013, the committed results, again (on FER-2013)"
	@echo "make clean      take away caches, trained runs and outputs"
	@echo "make uninstall  the same, and the environment"

# By content, not by date: files that are unpacked keep old dates, and an environment that was moved
# looks for the course where it was.
STAMP := { pwd -P; cat requirements.lock; }
$(READY): FORCE
	@[ "$$($(STAMP))" = "$$(cat $@ 2>/dev/null)" ] || \
	{ $(PYTHON) setup/install.py $(VENV) requirements.lock && $(STAMP) > $@; }

report lab editions slides site download: $(READY)
	@$(RUN) notebooks/course.py $@ $(ARGS)

test: $(READY)
ifeq ($(wildcard tests),)
	@$(RUN) notebooks/course.py check
else
	@$(RUN) -m ruff check --quiet . && $(RUN) -m ruff format --quiet --check .
	@$(RUN) -m pytest
endif

reference: $(READY)
	@$(RUN) notebooks/course.py reference && $(RUN) setup/quote.py

train: $(READY)
	@$(RUN) notebooks/train.py $(ARGS)

check: $(READY)
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check .

format: $(READY)
	@$(RUN) -m ruff check --fix . && $(RUN) -m ruff format .

lock:
	@$(PYTHON) setup/lock.py

clean:
	@$(PYTHON) setup/clean.py

uninstall:
	@$(PYTHON) setup/clean.py --everything
