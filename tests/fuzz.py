"""`make fuzz`: the property tests with new seeds, again and again until the time is over.

    python tests/fuzz.py SECONDS [pytest arguments]

A round is one run of all property tests with one seed. The first failure ends it all, and what repeats
it is printed. A round that has begun is finished, so that it takes somewhat longer than SECONDS.
"""

import random
import re
import subprocess
import sys
import time


def main(seconds: float, arguments: list[str]) -> int:
    """Run rounds; the exit status is 0 if nothing was found."""
    end = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < end:
        seed = random.SystemRandom().randrange(2**32)
        options = ["--hypothesis-profile=fuzz", f"--hypothesis-seed={seed}"]
        command = [sys.executable, "-m", "pytest", "-m", "hypothesis", *options, *arguments]
        run = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        rounds += 1
        if run.returncode:
            print(run.stdout)
            failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", run.stdout, re.MULTILINE)
            print("Found something. Repeat it with:")
            for test in failed or [""]:
                print(f"  {sys.executable} -m pytest {test} {' '.join(options)}")
            return 1
        print(f"round {rounds}, seed {seed}: {run.stdout.strip().splitlines()[-1]}", flush=True)
    print(f"Nothing found in {rounds} rounds.")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
