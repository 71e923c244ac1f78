"""Tests of tools/check-commit: it passes what the next engineer can use, and refuses the rest with the reason."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GOOD = "store: undo the writes of a refused call\n\nA refused call left a channel behind.\n"


class Message(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)

    def check(self, text):
        file = self.root / "message"
        file.write_text(text, encoding="utf-8")
        return subprocess.run([ROOT / "tools/check-commit", file], capture_output=True, text=True, check=False)

    def refused(self, text, why):
        done = self.check(text)
        self.assertEqual(done.returncode, 1, text)
        self.assertIn(why, done.stderr)

    def test_good_messages_pass(self):
        for text in (GOOD, "# a comment of git\n" + GOOD, "api, console: bring back the filter\n\nReason.\n",
                     "tools/setup: embed the list\n\nReason.\n", "net: press on\n\nReason.\nSigned-off-by: A <a@example.com>\n",
                     GOOD + "# ------------------------ >8 ------------------------\ndiff --git a/x b/x\n" + "x" * 300 + "\n",
                     GOOD + "\nhttps://example.com/" + "x" * 200 + "\n", "Merge branch 'x'\n", "fixup! store: undo\n"):
            done = self.check(text)
            self.assertEqual((done.returncode, done.stderr), (0, ""), text)

    def test_area(self):
        self.refused("undo the writes of a refused call\n\nReason.\n", "begin with the area")
        self.refused("Store: undo the writes\n\nReason.\n", "begin with the area")
        self.refused("store:undo the writes\n\nReason.\n", "begin with the area")

    def test_imperative(self):
        for word in ("added", "adds", "adding", "Fixed", "removes"):
            self.refused(f"store: {word} a thing\n\nReason.\n", "use the imperative")

    def test_one_concern(self):
        self.refused("store: undo writes; rename calls\n\nReason.\n", "one concern")
        self.refused("store: undo writes & rename calls\n\nReason.\n", "one concern")

    def test_length(self):
        self.assertEqual(self.check("store: " + "u" * 65 + "\n\nReason.\n").returncode, 0)
        self.refused("store: " + "u" * 66 + "\n\nReason.\n", "73 characters")
        self.refused("store: undo\n\n" + "a " * 56 + "\n", "a line of the body has 111 characters")

    def test_body(self):
        self.refused("store: undo writes\n", "say in a body why")
        self.refused("store: undo writes\n\n# only a comment\n", "say in a body why")
        self.refused("store: undo writes\n\nSigned-off-by: A <a@example.com>\n", "say in a body why")
        self.refused("store: undo writes\nReason.\n", "an empty line")
        self.refused("store: undo writes.\n\nReason.\n", "no full stop")
        self.refused("# nothing\n", "it is empty")


class Hook(unittest.TestCase):
    """The hook as ./dev setup installs it, in a repository of its own."""

    def git(self, *args, **kw):
        return subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *args], cwd=self.root,
                              capture_output=True, text=True, check=False, **kw)

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.git("init", "-q", "--template=") # so that there is no folder of hooks yet
        (self.root / "tools").mkdir()
        shutil.copy(ROOT / "tools/check-commit", self.root / "tools/check-commit")
        text = (ROOT / "tools/setup").read_text(encoding="utf-8")
        install = "say() { :; }\n" + text[text.index("install_hook() {"):]
        subprocess.run(["bash", "-euo", "pipefail", "-c", install], cwd=self.root, check=True)

    def test_a_commit_without_a_reason_is_refused(self):
        done = self.git("commit", "-q", "--allow-empty", "-m", "store: undo writes")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("say in a body why", done.stderr)
        done = self.git("commit", "-q", "--allow-empty", "-F", "-", input=GOOD)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run([self.root / "tools/check-commit", "--since", "HEAD"], cwd=self.root,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "store: undo writes")
        done = subprocess.run([self.root / "tools/check-commit", "--since", "HEAD~1"], cwd=self.root,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
