"""What one RunPython costs in a history of ten models, and in one of a thousand.

    python bench/historical.py [--repeat 5]

Only the models that a function asks for are built, and those that they point at, so the seconds
that `migrate` tells of the data migration should not grow with the history.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CONFIGURATION = '[tool.whimbrel]\napps = ["many"]\n'

MODEL = """\
        migrations.CreateModel(
            "Model{number}",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=100)),
                ("is_new", models.BooleanField(default=False)),
                {key}
            ],
        ),
"""

KEY = '("before", models.ForeignKey("many.Model{before}", models.CASCADE, null=True)),'

DATA = """\
from whimbrel import migrations


def fill(apps, schema_editor):
    model = apps.get_model("many", "Model5")
    model.objects.filter(before__name="x").update(is_new=True)


class Migration(migrations.Migration):
    dependencies = [("many", "0001_initial")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
"""


def write_project(root: Path, number: int) -> None:
    """A history of this many models, each with a key to the one before it, and a RunPython."""
    models = "".join(
        MODEL.format(number=each, key=KEY.format(before=each - 1) if each else "")
        for each in range(number)
    )
    files = {
        "pyproject.toml": CONFIGURATION,
        "many/__init__.py": "",
        "many/models.py": "",
        "many/migrations/__init__.py": "",
        "many/migrations/0001_initial.py": "from whimbrel import migrations, models\n\n\n"
        f"class Migration(migrations.Migration):\n    operations = [\n{models}    ]\n",
        "many/migrations/0002_data.py": DATA,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def migrate(root: Path, target: str) -> float:
    """Go to a migration; the seconds that it took, as `migrate` tells them."""
    command = [sys.executable, "-m", "whimbrel", "migrate", "many", target, "--json"]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return sum(float(each["seconds"]) for each in json.loads(done.stdout)["done"])


def seconds(number: int, repeat: int) -> float:
    """The median of what the data migration took."""
    with tempfile.TemporaryDirectory(prefix="whimbrel-bench-") as directory:
        root = Path(directory)
        write_project(root, number)
        migrate(root, "0001")
        taken = []
        for _ in range(repeat):
            taken.append(migrate(root, "0002"))
            migrate(root, "0001")
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    few, many = (seconds(number, options.repeat) for number in (10, 1000))
    print(f"a RunPython among 10 models: {few * 1000:.1f} ms; among 1,000: {many * 1000:.1f} ms")
    print(f"ratio: {many / few:.2f}")


if __name__ == "__main__":
    main()
