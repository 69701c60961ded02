"""The folders of a data set from an archive, a CSV file, Kaggle or a drawing."""

import csv
import re
import shutil
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from PIL import Image

from emotions.data.folders import SUFFIXES, is_hidden
from emotions.files import DataError, alone, new_folder, one_line
from emotions.loops import Progress, with_progress

KAGGLE_NAME = "msambare/fer2013"
SOURCES = ("archive.zip", "fer2013.csv", "icml_face_data.csv")  # the first that is there counts
CSV_COLUMNS = ("emotion", "pixels", "Usage")
CSV_CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
CSV_SPLITS = {"Training": "train", "PublicTest": "test", "PrivateTest": "test"}
CSV_SIDE = 48  # pixels
LARGEST_CSV = 2 * 1024**3  # bytes; FER-2013 has 0.3

LARGEST_ARCHIVE = 2 * 1024**3  # bytes, unpacked
LARGEST_RATIO = 200  # unpacked over packed bytes; photos stay near 1, zip bombs exceed 1000
MOST_MEMBERS = 300_000
MOST_LETTERS = 60  # of a foreign text in a message
LONGEST_NAME = 255  # bytes; what the usual file systems allow

GET_ARCHIVE = (
    f"download archive.zip by hand from Kaggle's page {KAGGLE_NAME} and put it into the data folder"
)


def prepare_folders(data_folder: Path, *, progress: Progress | None = None) -> tuple[Path, Path]:
    """Return the training and the test folder to use when the user names none.

    Taken is the first of these that is there: ``Face_emotions/``, ``archive.zip``,
    ``fer2013.csv`` or ``icml_face_data.csv``. The archive and the CSV files are turned into
    ``Face_emotions/``. If there is none of them, faces are drawn into ``drawn_faces/``.
    """
    faces = data_folder / "Face_emotions"
    found = [data_folder / name for name in SOURCES if (data_folder / name).is_file()]
    if not faces.exists() and found:
        with alone(faces):  # another run may be making it, or have made it by now
            if not faces.exists():
                make = unpack_archive if found[0].suffix == ".zip" else convert_csv
                make(found[0], faces, progress=progress)
    elif not faces.exists():
        from emotions.data import drawn  # here, as it is needed only without FER-2013

        faces = data_folder / "drawn_faces"
        drawn.draw_data_set(faces, progress=progress)
    return _check_splits(faces)


def download(data_folder: Path) -> Path:
    """Download FER-2013 from Kaggle into ``Face_emotions/``, unless it is there; return that."""
    faces = data_folder / "Face_emotions"
    if faces.exists():
        _check_splits(faces)
        return faces
    try:
        import kagglehub  # here, because importing it takes a second and few people need it

        source = Path(kagglehub.dataset_download(KAGGLE_NAME))
        splits = _check_splits(source)
    except Exception as error:  # no network, no account, no access, another layout, ...
        raise DataError(
            f"The download of {KAGGLE_NAME} failed ({one_line(error)}); {GET_ARCHIVE}."
        ) from error
    with new_folder(faces) as unfinished:
        for split in splits:
            shutil.copytree(split, unfinished / split.name)
    return faces


def _check_splits(folder: Path) -> tuple[Path, Path]:
    """Return the folders train and test, which must be there."""
    for split in ("train", "test"):
        if not (folder / split).is_dir():
            raise DataError(
                f"The folder {folder} has no folder {split} in it; "
                f"add that, or delete {folder.name} and start again."
            )
    return folder / "train", folder / "test"


@contextmanager
def _making(folder: Path, source: Path) -> Iterator[Path]:
    """Yield a folder to fill; it becomes `folder`, which must not be there yet.

    It gets a note of what it was made from, so that `make uninstall` knows it from yours.
    """
    if folder.exists():
        raise DataError(f"The folder {folder} is there already; delete or rename it first.")
    with new_folder(folder) as unfinished:
        yield unfinished
        (unfinished / ".made_by_course").write_text(source.name, encoding="utf-8")


def unpack_archive(archive: Path, folder: Path, *, progress: Progress | None = None) -> None:
    """Unpack the images of a zip archive to ``folder/train/<class>/`` and ``folder/test/<class>/``.

    Only images in such folders are written; a folder around train and test is left away. `folder`
    must not be there yet; it is either complete afterwards or not there.
    """
    with _reading_archive(archive):
        opened = zipfile.ZipFile(archive)
    with opened:
        members = opened.infolist()
        _check_members(members, archive)
        targets = _plan_targets(members, archive)
        with _making(folder, archive) as unfinished:
            for target, member in with_progress(
                targets.items(), progress, len(targets), f"Unpacking {archive.name}"
            ):
                with _reading_archive(archive):
                    content = opened.read(member)
                path = unfinished / target
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)


@contextmanager
def _reading_archive(archive: Path) -> Iterator[None]:
    """Turn whatever goes wrong with reading an archive into a `DataError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"The archive {archive} is not there; {GET_ARCHIVE}.") from error
    except Exception as error:  # zlib, lzma, zipfile and the file system raise different things
        raise DataError(
            f"The archive {archive} is damaged ({one_line(error)}); delete it and {GET_ARCHIVE}."
        ) from error


def _check_members(members: list[zipfile.ZipInfo], archive: Path) -> None:
    """Refuse an archive that could do harm when it is unpacked."""
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    for member in members:
        if problem := _member_problem(member):
            raise DataError(
                f"The archive {archive} holds {shortened(member.orig_filename)}, {problem}; "
                f"delete it and {GET_ARCHIVE}."
            )
    too_much = (
        (packed > archive.stat().st_size, "files that overlap each other"),
        (len(members) > MOST_MEMBERS, f"more than {MOST_MEMBERS} files"),
        (unpacked > LARGEST_ARCHIVE, f"more than {LARGEST_ARCHIVE // 1024**3} GiB unpacked"),
        (unpacked > LARGEST_RATIO * max(packed, 1), "far more unpacked than photos would"),
    )
    for is_too_much, words in too_much:
        if is_too_much:
            raise DataError(f"The archive {archive} holds {words}; delete it and {GET_ARCHIVE}.")


def shortened(text: str) -> str:
    """Return a foreign text in quotes, without characters that do not print, not too long."""
    return ascii(text if len(text) <= MOST_LETTERS else text[:MOST_LETTERS] + "...")


def _member_problem(member: zipfile.ZipInfo) -> str:
    """Return in words why a member of an archive is not to be unpacked, or ""."""
    name = member.orig_filename
    if member.flag_bits & 0x1:
        return "which needs a password"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "which is a link"
    # Windows would take "C:", "\" and these characters as something else than a plain name.
    if not name or re.search(r'[\\:<>"|?*\x00-\x1f]', name) or name.startswith("/"):
        return "which is an unsafe name"
    parts = PurePosixPath(name).parts
    if any(part == ".." or part.endswith((" ", ".")) for part in parts):
        return "which is an unsafe name"
    if any(len(part.encode()) > LONGEST_NAME for part in parts):
        return "which is too long a name"
    return ""


def _plan_targets(
    members: list[zipfile.ZipInfo], archive: Path
) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Return which member becomes which file, e.g. train/angry/1.png."""
    found: list[tuple[PurePosixPath, zipfile.ZipInfo]] = []
    around = set()
    for member in members:
        parts = PurePosixPath(member.filename).parts
        is_image = PurePosixPath(member.filename).suffix.lower() in SUFFIXES
        if member.is_dir() or not is_image or any(map(is_hidden, parts)):
            continue
        if len(parts) >= 3 and parts[-3] in ("train", "test"):
            found.append((PurePosixPath(*parts[-3:]), member))
            around.add(tuple(part for part in parts[:-3] if part != parts[-3]))  # train/train/…
    targets = dict(found)
    if {target.parts[0] for target in targets} != {"train", "test"}:
        raise DataError(
            f"The archive {archive} has no images in train/<emotion>/ and test/<emotion>/; "
            f"{GET_ARCHIVE}."
        )
    spellings = {str(target).casefold() for target in targets}
    if len(around) > 1 or len(spellings) < len(found):
        raise DataError(
            f"The archive {archive} holds more than one data set or a file twice; {GET_ARCHIVE}."
        )
    return targets


def convert_csv(csv_file: Path, folder: Path, *, progress: Progress | None = None) -> None:
    """Turn the contest's CSV file into ``folder/train/<emotion>/`` and ``folder/test/<emotion>/``.

    Files are 8-bit grey PNGs named ``Training_00001.png``, ``PublicTest_00001.png`` and
    ``PrivateTest_00001.png``, numbered as in the file. Both test parts go to ``test``. `folder`
    must not be there yet; it is either complete afterwards or not there.

    The columns are emotion (0 to 6), pixels (2304 numbers from 0 to 255 with spaces between) and
    Usage (Training, PublicTest or PrivateTest). A message names the line that cannot be used.
    """
    counts: Counter[str] = Counter()
    with _making(folder, csv_file) as unfinished:
        rows = _csv_rows(csv_file)
        for line, emotion, pixels, usage in with_progress(
            rows, progress, None, f"Converting {csv_file.name}"
        ):
            image, target = _csv_image(f"Line {line} of {csv_file}", emotion, pixels, usage)
            counts[usage] += 1
            path = unfinished / target / f"{usage}_{counts[usage]:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
        if {CSV_SPLITS[usage] for usage in counts} != {"train", "test"}:
            raise DataError(
                f"The file {csv_file} has no rows for training or none for testing; get it anew."
            )


def _csv_rows(csv_file: Path) -> Iterator[tuple[int, str, str, str]]:
    """Yield line number, emotion, pixels and Usage of each row; blank lines are left out."""
    try:
        if csv_file.stat().st_size > LARGEST_CSV:
            raise DataError(
                f"The file {csv_file} is larger than {LARGEST_CSV // 1024**3} GiB; get it anew."
            )
        with open(csv_file, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            if not reader.fieldnames:
                raise csv.Error("its first line is empty")
            reader.fieldnames = names = [name.strip() for name in reader.fieldnames]
            for name in CSV_COLUMNS:
                if name not in names:
                    raise DataError(f"Line 1 of {csv_file} lacks the column {name}; add it.")
                if names.count(name) > 1:
                    raise DataError(f"Line 1 of {csv_file} has {name} twice; delete one.")
            for row in reader:
                if None in row:
                    raise csv.Error(f"line {reader.line_num} has too many fields")
                values = [row[name].strip() for name in CSV_COLUMNS]
                if any(values):
                    yield reader.line_num, *values
    except FileNotFoundError as error:
        raise DataError(f"The file {csv_file} is not there; check its name.") from error
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(
            f"The file {csv_file} is no table that can be read ({one_line(error)}); get it anew."
        ) from error


def _csv_image(
    place: str, emotion: str, pixels: str, usage: str
) -> tuple[Image.Image, PurePosixPath]:
    """Return the image of one row and its folder; `place` begins the sentence of an error."""
    if usage not in CSV_SPLITS:
        raise DataError(
            f"{place} has the Usage {shortened(usage)}; make it one of {', '.join(CSV_SPLITS)}."
        )
    if emotion not in {str(number) for number in range(len(CSV_CLASSES))}:
        raise DataError(
            f"{place} has the emotion {shortened(emotion)}; make it a number from 0 to 6."
        )
    values = pixels.split()
    if len(values) != CSV_SIDE**2:
        raise DataError(f"{place} has {len(values)} pixels; mend it to have {CSV_SIDE**2}.")
    try:
        if not re.fullmatch(r"[0-9\s]+", pixels):  # int would also take 1_0, +1 and other digits
            raise ValueError(pixels)
        content = bytes(map(int, values))  # refuses numbers above 255
    except ValueError as error:
        raise DataError(
            f"{place} has a pixel that is no whole number from 0 to 255; mend or delete the line."
        ) from error
    image = Image.frombytes("L", (CSV_SIDE, CSV_SIDE), content)
    return image, PurePosixPath(CSV_SPLITS[usage], CSV_CLASSES[int(emotion)])
