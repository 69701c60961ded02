"""From what was measured to results.json, the figure and the tables of README.md.

.venv/bin/python benchmarks/summary.py
"""

import json
import re
from statistics import median
from typing import Any

from common import HERE, MEASURED

FER_2013 = 28_709
SCRIPTS = ("engines", "recipe", "head", "grid", "growth", "widgets")
OURS, CHANGED = "ours, bfloat16", "ours, bfloat16, images changed at random"
HEAD, EXTRACTION = "head on channel means of pool5", "feature extraction"
ASKED = {  # key of results.json -> what is asked for
    "extraction_vs_best_peer": ("at least", 1),
    "extraction_share_of_best_convolution": ("at least", 0.85),
    "finetune_vs_torch": ("at least", 1),
    "recipe_vs_torch": ("at least", 1),
    "grid_72_fits_seconds": ("at most", 150),
    "dask_two_worker_speedup": ("at least", 1.7),
    "memory_ratio_16x": ("at most", 1.1),
    "time_exponent": ("at most", 1.05),
    "widget_seconds_drawn": ("at most", 0.3),
    "widget_seconds_fer2013": ("at most", 1),
}
TOLD = (
    "seed_speedup",
    "head_seconds",
    "extraction_images_per_second",
    "finetune_images_per_second",
    "recipe_images_per_second",
)  # without a goal
SETS = {"FER-2013": FER_2013, "AffectNet": 450_000, "ten million": 10_000_000}
MACHINES = 10


def read(name: str) -> dict[str, Any]:
    """Return what a script measured; nothing if it has not run."""
    file = MEASURED / f"{name}.json"
    return json.loads(file.read_text()) if file.is_file() else {}


def against(table: dict[str, Any]) -> float:
    """Return our rate over the fastest peer's: the median of the ratios of single rounds."""
    peers = [row["rounds"] for name, row in table.items() if not name.startswith("ours")]
    rounds = zip(table[OURS]["rounds"], *peers, strict=True)
    return median([ours / max(others) for ours, *others in rounds])


def of_engines(engines: dict[str, Any]) -> dict[str, Any]:
    """Return the results of `engines.py`."""
    rate = median(engines["extraction"][OURS]["rounds"])
    fastest = max(layer["gflop_per_second"] for layer in engines["layers"])
    return {
        "extraction_images_per_second": rate,
        "extraction_vs_best_peer": against(engines["extraction"]),
        "extraction_share_of_best_convolution": rate * engines["gflop_per_image"] / fastest,
        "finetune_images_per_second": median(engines["fine_tuning"][OURS]["rounds"]),
        "finetune_vs_torch": against(engines["fine_tuning"]),
    }


def results() -> dict[str, Any]:
    """Return what `results.json` has; null for what has not been measured."""
    engines, recipe, head, grid, growth, widgets = map(read, SCRIPTS)
    found: dict[str, Any] = {}
    if head:
        found |= {"seed_speedup": head["speedup"], "head_seconds": head["head_seconds"]}
    if engines:
        found |= of_engines(engines)
    if recipe:
        own = recipe["training"][CHANGED]["rounds"]
        found["recipe_images_per_second"] = median(own)
        found["recipe_vs_torch"] = against(recipe["training"])
    if grid:
        found["grid_72_fits_seconds"] = grid["combinations"][-1]["seconds"]
        found["dask_two_worker_speedup"] = grid["two_worker_speedup"]
    if growth:
        worst = growth["growth"].values()
        found["memory_ratio_16x"] = max(x["memory_ratio"] for x in worst)
        found["time_exponent"] = max(x["exponent"] for x in worst)
    if widgets:
        slowest = {data: max(took.values()) for data, took in widgets["seconds"].items()}
        found["widget_seconds_drawn"] = slowest["drawn faces"]
        if "FER-2013" in slowest:
            found["widget_seconds_fer2013"] = slowest["FER-2013"]
    parts = [x for x in (engines, recipe, head, grid, growth, widgets) if x]
    facts = {"machine": parts[0]["machine"], "date": max(x["date"] for x in parts)}
    return {
        name: round(found[name], 4) if name in found else None for name in (*ASKED, *TOLD)
    } | facts


def table(columns: tuple[str, ...], rows: list[tuple]) -> str:
    """Return a Markdown table."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def cell(value: Any) -> str:
    """Return a number with three significant digits, anything else as it is."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def asked_table() -> str:
    """Return what was asked for beside what was measured."""
    found, rows = results(), []
    for name, (how, wanted) in ASKED.items():
        value = found[name]
        if value is None:
            rows.append((f"`{name}`", f"{how} {wanted}", "not measured", ""))
            continue
        reached = value >= wanted if how == "at least" else value <= wanted
        rows.append((f"`{name}`", f"{how} {wanted}", float(value), "yes" if reached else "no"))
    return table(("result", "asked", "measured here", "reached"), rows)


def machine_table() -> str:
    """Return where and when each script ran, and how busy the machine was at its end."""
    rows = [(f"`{n}.py`", x["machine"], x["date"], x["load"]) for n in SCRIPTS if (x := read(n))]
    return table(("script", "machine", "date", "processes that wanted to run"), rows)


def rates_table(tasks: dict[str, dict[str, Any]]) -> str:
    """Return images per second of every engine, by task."""
    rows = []
    for task, engines in tasks.items():
        for name, row in engines.items():
            share = median(row["rounds"]) / median(engines[OURS]["rounds"])
            rows.append((task, name, median(row["rounds"]), share, row.get("peak_mib", 0.0)))
    columns = ("task", "engine", "images/s", "times ours in bfloat16", "peak memory, MiB")
    return table(columns, rows)


def engines_table() -> str:
    """Return the engines with the whole network, and the limits."""
    engines = read("engines")
    limits = list(engines["limits"].items())
    tasks = {"extraction": engines["extraction"], "fine-tuning": engines["fine_tuning"]}
    return rates_table(tasks) + "\n\n" + table(("matrix product", "GFLOP/s"), limits)


def recipe_table() -> str:
    """Return the engines with the recipe's network."""
    return rates_table({"hour": read("recipe")["training"]})


def layers_table() -> str:
    """Return where the time of feature extraction goes."""
    engines = read("engines")
    whole = sum(x["seconds"] for x in engines["layers"])
    limit = engines["limits"]["bfloat16"]
    rows = [
        (
            x["layer"],
            f"{x['side']}x{x['side']}",
            x["channels"],
            x["seconds"] / whole,
            float(x["gflop_per_second"]),
            x["gflop_per_second"] / limit,
        )
        for x in engines["layers"]
    ]
    columns = ("layer", "maps", "channels", "share of time", "GFLOP/s", "share of limit")
    return table(columns, rows)


def head_table() -> str:
    """Return the seed's way beside the course's."""
    head = read("head")
    ours, seed = head["ours"], head["seed"]
    rows = [
        ("seed's way, 1 epoch (measured)", seed["epoch_seconds"], seed["peak_mib"]),
        ("seed's way, 50 epochs (50 times that)", head["seed_seconds_50_epochs"], ""),
        ("ours, 50 epochs, from the files on", ours["seconds"], ours["peak_mib"]),
        ("of it: decoding and features", ours["images_and_features_seconds"], ""),
        ("of it: head and evaluation", ours["head_and_evaluation_seconds"], ""),
        ("head alone, features cached (median)", head["head_seconds"], head["head"][0]["peak_mib"]),
    ]
    text = f"{ours['data']}, {ours['images']:,} images of both splits.\n\n"
    return text + table(("what", "seconds", "peak memory, MiB"), rows)


def grid_table() -> str:
    """Return the grid search by combinations, by workers, and by halving."""
    grid = read("grid")
    rows = [("one fit", 1, "this process", grid["one_fit_seconds"], "")]
    for x in grid["combinations"]:
        what = f"{x['combinations']} combinations"
        rows.append((what, x["fits"], "this process", x["seconds"], x["mean_accuracy"]))
    halving = grid["halving"]
    rounds = " then ".join(map(str, halving["candidates"]))
    accuracy = halving["mean_accuracy"]
    rows.append((f"halving: {rounds}", "", "this process", halving["seconds"], accuracy))
    for x in grid["workers"]:
        what = f"all, {x['cores']:.2f} cores busy in the workers" if "cores" in x else ""
        rows.append((what, x["fits"], f"Dask, {x['workers']} of 1", x["seconds"], ""))
    columns = ("search", "fits", "workers", "seconds", "mean accuracy of the best")
    same = "the same" if halving["best"] == grid["combinations"][-1]["best"] else "another"
    note = f"Halving chose {same} combination, in {halving['share_of_time']:.2f} of the time; "
    spread = grid["combinations"][-1]["spread"]
    note += f"the full grid's spread over the folds is {spread:.4f}."
    return f"{grid['data']}, {grid['images']:,} images.\n\n{table(columns, rows)}\n\n{note}"


def growth_table() -> str:
    """Return time and memory against the number of images."""
    growth, rows = read("growth"), []
    for kind, sizes in growth["rows"].items():
        for x in sizes:
            per = x["seconds"] / x["images"] * 1e6
            rows.append((kind, x["images"], x["seconds"], per, x["peak_mib"]))
    columns = ("what", "images", "seconds", "µs per image", "peak memory, MiB")
    ends = [(kind, x["exponent"], x["memory_ratio"]) for kind, x in growth["growth"].items()]
    ratios = table(("what", "exponent of time", "memory, 16 times to once"), ends)
    return table(columns, rows) + "\n\n" + ratios


def widgets_table() -> str:
    """Return the slowest answer of each widget's controls."""
    seconds = read("widgets")["seconds"]
    names = dict.fromkeys(name for took in seconds.values() for name in took)
    rows = [(f"`{name}`", *(took.get(name, "") for took in seconds.values())) for name in names]
    return table(("widget", *(f"{data}, s" for data in seconds)), rows)


def paper_table() -> str:
    """Return what larger sets would cost, worked out from the measured growth."""
    growth, grid, engines = read("growth"), read("grid"), read("engines")
    efficiency = grid["two_worker_speedup"] / 2
    tuning = median(engines["fine_tuning"][OURS]["rounds"])

    def seconds(kind: str, images: int) -> float:
        last = growth["rows"][kind][-1]
        power = growth["growth"][kind]["exponent"]
        return last["seconds"] * (images / last["images"]) ** power

    rows = []
    for name, images in SETS.items():
        extraction = seconds(EXTRACTION, images) / 3600
        head = 50 * seconds(HEAD, images) / 3600
        search = grid["combinations"][-1]["seconds"] * images / grid["images"] / 3600
        epoch = images / tuning / 3600
        rows += [
            (name, 1, extraction, head, search, epoch, images * 1024 / 1e9),
            ("", MACHINES, extraction / MACHINES, head, search / MACHINES / efficiency,
             epoch / MACHINES, ""),
        ]  # fmt: skip
    columns = ("set", "machines", "features, h", "head, 50 epochs, h", "grid of 72 fits, h")
    return table((*columns, "fine-tuning, 1 epoch, h", "features on disk, GB"), rows)


def figure() -> None:
    """Draw engines, seed against ours, time and memory against the number of images."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from emotions.showing import style

    style.use_style()
    drawn, axes = plt.subplots(2, 2, figsize=(13, 9))
    engines, head, growth = read("engines"), read("head"), read("growth")
    if engines:
        rates = {n: median(x["rounds"]) for n, x in engines["extraction"].items()}
        bars = axes[0, 0].barh(list(rates), list(rates.values()), color=style.TRAINING)
        axes[0, 0].bar_label(bars, fmt="%.0f", padding=3)
        axes[0, 0].margins(x=0.12)
        axes[0, 0].set(title="Feature extraction, 48 pixels", xlabel="images per second")
    if head:
        rows = {"seed's way\n(1 epoch x 50)": head["seed_seconds_50_epochs"]}
        rows |= {"ours": head["ours"]["seconds"]}
        bars = axes[0, 1].barh(list(rows), list(rows.values()), color=style.TRAINING)
        axes[0, 1].bar_label(bars, fmt="{:,.0f}", padding=3)
        axes[0, 1].margins(x=0.15)
        axes[0, 1].locator_params(axis="x", nbins=4)
        axes[0, 1].set(title="50 epochs of the head, from the files", xlabel="seconds")
    for kind, sizes in growth.get("rows", {}).items():
        images = [x["images"] for x in sizes]
        axes[1, 0].loglog(images, [x["seconds"] for x in sizes], "o-", label=kind)
        axes[1, 1].semilogx(images, [x["peak_mib"] for x in sizes], "o-", label=kind)
    axes[1, 0].set(title="Time", xlabel="images", ylabel="seconds (head: one epoch)")
    axes[1, 1].set(title="Peak memory", xlabel="images", ylabel="MiB")
    axes[1, 1].set_ylim(0, 1.1 * axes[1, 1].get_ylim()[1])
    drawn.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower left", ncols=3)
    style.save(drawn, HERE / "results.png", results()["machine"])


TABLES = {
    "asked": (asked_table, ()),
    "machine": (machine_table, ()),
    "engines": (engines_table, ("engines",)),
    "recipe": (recipe_table, ("recipe",)),
    "layers": (layers_table, ("engines",)),
    "head": (head_table, ("head",)),
    "grid": (grid_table, ("grid",)),
    "growth": (growth_table, ("growth",)),
    "widgets": (widgets_table, ("widgets",)),
    "paper": (paper_table, ("engines", "grid", "growth")),
}


def main() -> None:
    """Write results.json, results.png and the tables between the marks in README.md."""
    from emotions.files import write_json

    write_json(HERE / "results.json", results())
    text = (HERE / "README.md").read_text()
    for name, (make, needed) in TABLES.items():
        content = make() if all(map(read, needed)) else "Not measured yet."
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        text = re.sub(pattern, lambda m, c=content: f"{m[1]}{c}\n{m[2]}", text, flags=re.DOTALL)
    (HERE / "README.md").write_text(text)
    figure()


if __name__ == "__main__":
    main()
