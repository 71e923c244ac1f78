"""What `./dev` says while something runs: how far it is, at least every 5 s, without commands of a terminal in a log."""
import os
import pathlib
import pty
import re
import select
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def script(text):
    return ["bash", "-c", f'set -euo pipefail; . "{ROOT}/dev"; {text}']


class HowFar(unittest.TestCase):
    def far(self, log):
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as f:
            f.write(log)
            f.flush()
            done = subprocess.run(script('how_far "$1"') + ["-", f.name], capture_output=True, text=True, check=True)
        return done.stdout

    def test_of_what_runs(self):
        for log, want in [
            ("", ""),
            ("[1/185] Compiling C object a.o\n[17/185] Compiling C object b.o\n../src/b.c: warning\n", "17/185"),
            (" 1/80 todoke:unit / test_a  OK  0.01s\n12/80 todoke:unit / test_b  OK  0.40s\n", "12/80"),
            ("▶ channels\n  ✔ are made (1.2ms)\n  ✖ are listed (3ms)\n  ✔ go (1ms)\n▶ channels (9ms)\n", "3 tests done, 1 failed"),
            ("ok 1 - a\n    ok 2 - b\nnot ok 3 - c\n", "3 tests done, 1 failed"),
            ("0 upgraded, 488 newly installed, 0 to remove.\nGet:1 http://x a\nGet:2 http://x b\nUnpacking a (1) ...\nSetting up a (1) ...\n",
             "2 fetched, 1 unpacked, 1 set up of 488 packages"),
            ("\033[32mtransforming\033[0m (37) \b src\n\n", "transforming (37)  src"),
            ("x" * 500 + "\n", "x" * 70),
        ]:
            self.assertEqual(self.far(log), want, log)

    def test_of_a_log_that_is_not_there(self):
        done = subprocess.run(script("how_far /nonexistent/log"), capture_output=True, text=True, check=True)
        self.assertEqual((done.stdout, done.stderr), ("", ""))


class Progress(unittest.TestCase):
    STEP = 'step() { echo "[3/9] x"; sleep 7; echo "[9/9] y"; return "$1"; }; '

    def test_in_a_log(self):
        end, said = time.monotonic(), []
        with subprocess.Popen(script(self.STEP + 'quietly "the step" step 0; echo last >&2'), stderr=subprocess.PIPE, text=True) as child:
            for line in child.stderr:
                said.append((time.monotonic() - end, line))
                end = time.monotonic()
        lines = [line for _, line in said]
        self.assertEqual(child.returncode, 0)
        self.assertEqual(lines[-1], "last\n", "nothing behind the last line")
        self.assertGreaterEqual(len(lines), 3, lines)
        for pause, line in said[:-1]:
            self.assertLess(pause, 6, said)  # a busy machine is given one second more
            self.assertRegex(line, r"^   \.\.\. the step, \d+ s: 3/9\n$")

    def test_the_log_of_what_failed(self):
        done = subprocess.run(script('bad() { echo why; false; echo never; }; quietly bad bad; echo never'), capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", "why\n"))

    def test_on_a_terminal_one_line_is_rewritten(self):
        try:
            leader, follower = pty.openpty()
        except OSError as e:
            self.skipTest(f"no terminals here (is /dev/pts mounted?): {e}")
        with subprocess.Popen(script(self.STEP.replace("sleep 7", "sleep 4") + 'quietly "the step" step 0'), stderr=follower) as child:
            os.close(follower)
            said = b""
            while select.select([leader], [], [], 30)[0]:
                try:
                    part = os.read(leader, 4096)
                except OSError:
                    break  # the other side is closed
                if not part:
                    break
                said += part
        os.close(leader)
        self.assertEqual(child.returncode, 0)
        self.assertNotIn(b"\n", said)
        self.assertGreaterEqual(len(re.findall(rb"\r\x1b\[K   \.\.\. the step, \d+ s: 3/9", said)), 2, said)
        self.assertTrue(said.endswith(b"\r\x1b[K"), said)

    def test_it_ends_with_whoever_began_it(self):
        child = subprocess.Popen(script('progress_begin 2 "the step" /dev/null; echo $progress_pid; wait'), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        ticker = int(child.stdout.readline())
        child.kill()
        child.wait()
        child.stdout.close()
        until = time.monotonic() + 15
        while time.monotonic() < until and pathlib.Path(f"/proc/{ticker}").exists():
            time.sleep(0.1)
        self.assertFalse(pathlib.Path(f"/proc/{ticker}").exists())


if __name__ == "__main__":
    unittest.main()
