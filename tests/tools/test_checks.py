"""Tests of the checks themselves: each must fail on what it is there to find, and pass on what is right."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Tree(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text):
        p = self.root / path
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_text(text, encoding="utf-8")

    def run_tool(self, name, *args):
        return subprocess.run([ROOT / "tools" / name, *map(str, args)], capture_output=True, text=True, check=False)


class Layers(Tree):
    def setUp(self):
        super().setUp()
        self.write("src/base/buf.h", "#pragma once\n")
        self.write("src/net/url.h", '#pragma once\n#include <uv.h>\n#include "base/buf.h"\n')
        self.write("src/store/store.h", '#pragma once\n#include "base/buf.h"\n')
        self.write("src/api/route.h", '#pragma once\n#include "store/store.h"\n')
        self.write("src/net/url.c", '#include "net/url.h"\n#include "base/buf.h"\n')

    def refused(self, path, text, why):
        self.write(path, text)
        done = self.run_tool("check-layers", self.root)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(why, done.stdout)
        self.assertIn(path, done.stdout)

    def test_good_tree_passes(self):
        done = self.run_tool("check-layers", self.root)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_up(self):
        self.refused("src/net/up.c", '#include "api/route.h"\n', "points up to rank 6")

    def test_up_from_base(self):
        self.refused("src/base/up.c", '#include "base/buf.h"\n#include "net/url.h"\n', "src/base/up.c:2")

    def test_sideways(self):
        self.refused("src/net/side.c", '#include "store/store.h"\n', "points sideways")

    def test_in_a_def_file(self):
        self.refused("src/net/rows.def", '#include "store/store.h"\n', "points sideways")

    def test_spaces_do_not_hide_it(self):
        self.refused("src/net/s.c", '  #  include   "api/route.h"\n', "points up")

    def test_after_a_comment(self):
        self.refused("src/net/s.c", '/* why */ #include "api/route.h"\n', "points up")

    def test_relative_path(self):
        self.refused("src/net/r.c", '#include "../api/route.h"\n', "written as folder/file")

    def test_bare_name(self):
        self.refused("src/net/r.c", '#include "url.h"\n', "written as folder/file")

    def test_own_header_in_angles(self):
        self.refused("src/net/r.c", "#include <api/route.h>\n", "use quotes")

    def test_macro(self):
        self.refused("src/net/r.c", '#define H "api/route.h"\n#include H\n', "hides where it points")

    def test_another_room(self):
        self.write("src/api/people/login.h", "#pragma once\n")
        self.refused("src/api/channel/c.c", '#include "api/people/login.h"\n', "api/channel/ includes another room")

    def test_a_room_from_around_it(self):
        self.write("src/api/people/login.h", "#pragma once\n")
        self.refused("src/api/router.c", '#include "api/people/login.h"\n', "api/ includes one of its rooms")

    def test_a_room_of_a_higher_rank(self):
        self.write("src/api/people/login.h", "#pragma once\n")
        self.refused("src/store/sqlite/s.c", '#include "api/people/login.h"\n', "points up to rank 6")

    def test_a_room_includes_itself_and_what_is_around_it(self):
        self.write("src/api/people/login.h", '#pragma once\n#include "api/route.h"\n#include "store/store.h"\n')
        self.write("src/api/people/login.c", '#include "api/people/login.h"\n')
        self.assertEqual(self.run_tool("check-layers", self.root).returncode, 0)

    def test_folder_without_rank(self):
        self.refused("src/misc/x.c", '#include "base/buf.h"\n', "no rank")

    def test_file_outside_folders(self):
        self.refused("src/x.c", '#include "base/buf.h"\n', "outside every folder")

    def test_comment_is_no_include(self):
        self.write("src/net/c.c", '/*\n#include "api/route.h"\n*/\n// #include "api/route.h"\n')
        self.assertEqual(self.run_tool("check-layers", self.root).returncode, 0)

    def test_nothing_to_check_is_a_failure(self):
        shutil.rmtree(self.root / "src")
        self.assertNotEqual(self.run_tool("check-layers", self.root).returncode, 0)


class Calls(Tree):
    """Calls inside a folder: two nouns, door and conn, of which conn is the later stage."""

    def setUp(self):
        super().setUp()
        self.write("src/server/door.h", "#pragma once\nstruct door;\nvoid door_open(struct door *d);\n")
        self.write("src/server/conn.h", '#pragma once\n#include "server/door.h"\nvoid conn_close(int fd);\n')
        self.write("src/server/door.c", '#include "server/door.h"\n\nvoid door_open(struct door *d)\n{\n}\n')
        self.write("src/server/conn.c", '#include "server/conn.h"\n\nvoid conn_close(int fd)\n{\n    door_open(NULL);\n}\n')
        self.stages("server/:", "door", "conn")

    def stages(self, *lines):
        self.write("tools/stages.txt", "\n".join(lines) + "\n")

    def door(self, *lines):
        """A door that has these lines more, from line 3 on."""
        self.write("src/server/door.c", "\n".join(['#include "server/door.h"', "", *lines, "void door_open(struct door *d)", "{", "}", ""]))

    def verdict(self, *want):
        done = self.run_tool("check-layers", self.root)
        self.assertEqual(done.returncode, 1 if want else 0, done.stdout)
        self.assertIn(f"{len(want)} problems", done.stdout)
        for w in want:
            self.assertIn(w, done.stdout)

    def test_calls_downward_pass(self):
        self.verdict()

    def test_a_call_of_a_later_stage(self):
        self.door("static void f(void)", "{", "    conn_close(1);", "}")
        self.verdict("src/server/door.c:5: calls conn_close() of server/conn.c, which is of a later stage")

    def test_the_words_say_what_to_do(self):
        self.door("static void f(void)", "{", "    conn_close(1);", "}")
        self.verdict("let the owner pass a table of functions down")

    def test_an_include_of_a_later_stage(self):
        self.write("src/server/door.c", '#include "server/door.h"\n#include "server/conn.h"\n')
        self.verdict('src/server/door.c:2: includes "server/conn.h", which is of a later stage')

    def test_an_address_is_a_call(self):
        self.door("static void (*const end)(int) = conn_close;")
        self.verdict("door.c:3: calls conn_close()")

    def test_a_row_of_a_table_is_a_call(self):
        self.door("static const struct end ends[] = {", "    {1, conn_close},", "};")
        self.verdict("door.c:4: calls conn_close()")

    def test_a_macro_is_a_call(self):
        self.door("#define END(fd) \\", "    conn_close(fd)")
        self.verdict("door.c:4: calls conn_close()")

    def test_a_function_in_a_header_is_code(self):
        self.write("src/server/door.h", "#pragma once\nstatic inline void door_shut(int fd)\n{\n    conn_close(fd);\n}\n")
        self.verdict("src/server/door.h:4: calls conn_close()")

    def test_a_macro_of_a_later_header(self):
        self.write("src/server/conn.h", "#pragma once\n#define conn_end(fd) ((fd) + 1)\n")
        self.door("static int f(void)", "{", "    return conn_end(1);", "}")
        self.verdict("door.c:5: calls conn_end() of server/conn.h")

    def test_a_prototype_of_its_own_does_not_hide_it(self):
        self.door("void conn_close(int fd);", "static void f(void)", "{", "    if (1)", "        conn_close(1);", "}")
        self.verdict("door.c:7: calls conn_close()")

    def test_the_second_function_of_a_file_counts_too(self):
        self.write("src/server/conn.c", "struct s { int a; } s = {1};\n\nenum { A };\n\nstatic int conn_x(void)\n{\n    return A;\n}\n\n"
                                        "void __attribute__((cold)) conn_close(int fd)\n{\n    conn_x();\n}\n")
        self.door("static void f(void)", "{", "    conn_close(1);", "}")
        self.verdict("door.c:5: calls conn_close()")

    def test_what_is_no_call(self):
        self.door("/* conn_close(1) */", "struct host {", "    void (*conn_close)(int fd);", "};",
                  "static void f(struct host *h, int conn_close)", "{", '    log("conn_close(1)"); // conn_close(1)',
                  "    h->conn_close(conn_close);", "    g((struct host){.conn_close = NULL});", "}")
        self.verdict()

    def test_a_function_of_its_own_by_that_name(self):
        self.door("static void conn_close(int fd)", "{", "}", "static void f(void)", "{", "    conn_close(1);", "}")
        self.verdict()

    def test_files_of_one_line_are_one_stage(self):
        self.write("src/server/conn_h1.c", '#include "server/conn.h"\n\nvoid conn_h1(void)\n{\n    conn_close(1);\n}\n')
        self.write("src/server/conn.c", '#include "server/conn.h"\n\nvoid conn_close(int fd)\n{\n    conn_h1();\n}\n')
        self.stages("server/:", "door", "conn conn_h1")
        self.verdict()
        self.stages("server/:", "door", "conn", "conn_h1")
        self.verdict("src/server/conn.c:5: calls conn_h1()")

    def test_a_header_before_its_source(self):
        self.write("src/server/door.c", '#include "server/conn.h"\n#include "server/door.h"\n')
        self.stages("server/:", "door.h", "conn.h", "door.c", "conn.c")
        self.verdict()

    def test_a_file_without_a_stage(self):
        self.write("src/server/tls.c", "int tls;\n")
        self.verdict("src/server/tls.c: has no stage")

    def test_a_stage_without_a_file(self):
        self.stages("server/:", "door", "conn", "gone")
        self.verdict("tools/stages.txt:4: there is no server/gone")

    def test_a_stage_of_no_folder(self):
        self.stages("door")
        self.verdict("tools/stages.txt:1: a stage before the first")

    def test_a_circle_without_a_table(self):
        self.stages("")
        self.verdict()
        self.door("static void f(void)", "{", "    conn_close(1);", "}")
        self.verdict("src/server/conn.c:5: calls go round in a circle: src/server/conn.c:5 calls door_open() of server/door.c, "
                     "src/server/door.c:5 calls conn_close() of server/conn.c")

    def test_a_circle_of_three(self):
        self.stages("")
        self.write("src/server/tls.c", "void tls_end(void)\n{\n    conn_close(1);\n}\n")
        self.door("static void f(void)", "{", "    tls_end();", "}")
        self.verdict("calls go round in a circle")

    def test_a_circle_over_a_room(self):
        self.write("src/store/store.c", "void store_run(void)\n{\n    disk_write();\n}\n")
        self.write("src/store/disk/disk.c", "void disk_write(void)\n{\n    store_run();\n}\n")
        self.verdict("calls go round in a circle")

    def test_a_circle_over_the_rows_of_a_def(self):
        self.write("src/api/route.def", 'ROUTE("/login", login_begin)\n')
        self.write("src/api/route.c", "void route_find(void)\n{\n}\n")
        self.write("src/api/people/login.c", "void login_begin(void)\n{\n    route_find();\n}\n")
        self.verdict("calls go round in a circle")

    def test_files_of_one_noun_may_call_each_other(self):
        self.stages("")
        self.write("src/server/door_list.c", "void door_list(void)\n{\n    door_open(NULL);\n}\n")
        self.door("static void f(void)", "{", "    door_list();", "}")
        self.verdict()

    def test_the_name_of_the_folder_is_no_noun(self):
        self.write("src/store/store.c", "void store_run(void)\n{\n    store_list();\n}\n")
        self.write("src/store/store_list.c", "void store_list(void)\n{\n    store_run();\n}\n")
        self.verdict("calls go round in a circle")

    def test_a_call_of_another_room(self):
        self.write("src/api/people/login.c", "void login_begin(void)\n{\n}\n")
        self.write("src/api/channel/channel.c", "void channel_get(void)\n{\n    login_begin();\n}\n")
        self.verdict("src/api/channel/channel.c:3: calls login_begin() of another room")

    def test_a_call_of_a_higher_rank(self):
        self.write("src/api/call.c", "void call_end(void)\n{\n}\n")
        self.door("void call_end(void);", "static void f(void)", "{", "    call_end();", "}")
        self.verdict("src/server/door.c:6: server/ calls call_end() of api/call.c: points up or sideways")

    def test_an_allowance(self):
        self.door("static void f(void)", "{", "    conn_close(1);", "}")
        allow = "allow server/door.c -> server/conn.c: the door ends connections itself until it is rebuilt"
        self.stages("server/:", "door", "conn", allow)
        self.verdict()
        self.stages(allow)
        self.verdict()
        self.stages("allow server/door.c -> server/c*.c: the door ends connections itself until it is rebuilt")
        self.verdict()

    def test_an_allowance_without_a_reason(self):
        self.stages("server/:", "door", "conn", "allow server/door.c -> server/conn.c: why")
        self.verdict("tools/stages.txt:4: write: allow CALLER.c -> CALLED.c")

    def test_a_stale_allowance(self):
        self.stages("server/:", "door", "conn", "allow server/door.c -> server/conn.c: the door ends connections itself")
        self.verdict("tools/stages.txt:4: server/door.c does not call server/conn.c against the order any more")


class Conformance(Tree):
    def setUp(self):
        super().setUp()
        self.write("src/a.c", "int a;\n")
        self.write("tests/a.test.mjs", "it('does it', () => {});\n")

    def checked(self, *rows):
        self.write("docs/conformance.md", "\n".join(["| sentence | built in | tests |", "|---|---|---|", *rows, ""]))
        return self.run_tool("check-conformance", self.root)

    def row(self, built="`src/a.c`", tests='`tests/a.test.mjs`: "does it"'):
        return f"| It is done. | {built} | {tests} |"

    def test_good_page_passes(self):
        done = self.checked(self.row())
        self.assertEqual(done.returncode, 0, done.stdout)

    def refused(self, why, *rows):
        done = self.checked(*rows)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(why, done.stdout)

    def test_no_page(self):
        self.assertEqual(self.run_tool("check-conformance", self.root).returncode, 1)

    def test_no_rows(self):
        self.refused("no rows")

    def test_a_file_that_is_gone(self):
        self.refused("there is no src/b.c", self.row(built="`src/b.c`"))

    def test_a_test_that_is_gone(self):
        self.refused('no test named "does not"', self.row(tests='`tests/a.test.mjs`: "does it", "does not"'))

    def test_a_test_file_that_is_gone(self):
        self.refused("there is no tests/b.test.mjs", self.row(tests='`tests/b.test.mjs`: "does it"'))

    def test_a_row_without_a_test(self):
        self.refused("no test is named", self.row(tests="soon"))

    def test_a_row_that_is_built_nowhere(self):
        self.refused("where is it built", self.row(built="here"))

    def test_the_second_bad_row_is_found(self):
        self.refused("conformance.md:4", self.row(), self.row(tests=""))


class Style(Tree):
    def setUp(self):
        super().setUp()
        self.write("src/net/url.h", "#pragma once\nstruct host;\nenum err url_parse(int a);\n")

    def verdict(self, *want):
        done = self.run_tool("check-style", self.root)
        self.assertEqual(done.returncode, 1 if want else 0, done.stdout)
        for w in want:
            self.assertIn(w, done.stdout)

    def test_good_tree_passes(self):
        self.verdict()

    def test_a_name_of_tests_in_src(self):
        self.write("src/net/a.c", "/* test_nothing */\nstatic int latest_one;\nstatic void test_event(void);\n")
        self.verdict("src/net/a.c:3: test_event: test_ is for what lies in tests/")

    def test_a_file_of_tests_in_src(self):
        self.write("src/net/test_event.c", "static int x;\n")
        self.verdict("src/net/test_event.c: test_ is for what lies in tests/")

    def test_trailing_space(self):
        self.write("docs/a.md", "good\nbad \n")
        self.verdict("docs/a.md:2: trailing white space")

    def test_carriage_return(self):
        self.write("src/net/a.c", "int x;\r\n")
        self.verdict("trailing white space")

    def test_no_newline_at_the_end(self):
        self.write("src/net/a.c", "int x;")
        self.verdict("no newline at the end")

    def test_unfinished_work(self):
        for word in ("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"):
            with self.subTest(word=word):
                self.write("src/net/a.c", f"/* {word}: later */\n")
                self.verdict("src/net/a.c:1: unfinished work")

    def test_tab(self):
        self.write("src/net/a.c", "\tint x;\n")
        self.verdict("a.c:1: tab")

    def test_wide_comment(self):
        self.write("src/net/a.c", f"/* {'w' * 104} */\nint x; /* {'w' * 100} */\n/*\n * {'w' * 108}\n */\nint {'v' * 120};\n"
                                  f"f(\"{'s' * 120}\"); /* a literal */\n")
        self.verdict("src/net/a.c:2: 113 columns", "src/net/a.c:4: 111 columns")
        self.assertIn(" 2 problems", self.run_tool("check-style", self.root).stdout)

    def test_large_folder(self):
        for i in range(25):
            self.write(f"src/net/a{i}.c", "int x;\n")
        self.verdict("src/net/: 26 files, 28 lines; split it, or say why not in docs/architecture.md")
        self.write("docs/architecture.md", "- `src/net/`: because it holds what this test has put there.\n")
        self.verdict()
        for i in range(25):
            (self.root / f"src/net/a{i}.c").unlink()
        self.verdict("docs/architecture.md: src/net/ is small enough now")

    def test_folder_of_many_lines(self):
        for i in range(7):
            self.write(f"src/net/a{i}.c", "int x;\n" * 600)
        self.verdict("src/net/: 8 files, 4203 lines")

    def test_long_file(self):
        self.write("src/net/a.c", "int x;\n" * 601)
        self.verdict("601 lines")

    def test_long_file_with_reason(self):
        self.write("src/net/a.c", "int x;\n" * 601)
        self.write("tools/long-files.txt", "src/net/a.c: one state machine, unreadable in halves\n")
        self.verdict()

    def test_long_file_without_reason(self):
        self.write("src/net/a.c", "int x;\n" * 601)
        self.write("tools/long-files.txt", "src/net/a.c: long\n")
        self.verdict("give the reason")

    def test_stale_exception(self):
        self.write("src/net/a.c", "int x;\n")
        self.write("tools/long-files.txt",
                   "src/net/a.c: one state machine, unreadable in halves\nsrc/net/gone.c: it was very long indeed\n")
        self.verdict("short enough now", "there is no src/net/gone.c")

    def test_foreign_prefix(self):
        self.write("src/net/pool.h", "#pragma once\nvoid pool_get(void);\nint grab(int a,\n         int b);\n")
        self.verdict("src/net/pool.h:3: grab:")

    def test_prefix_of_a_type_of_the_header(self):
        self.write("src/net/pool.h", "#pragma once\nenum state { A };\nconst char *state_text(enum state s);\n")
        self.verdict()

    def test_no_pragma_once(self):
        self.write("src/net/pool.h", "void pool_get(void);\n")
        self.verdict("no #pragma once")

    def test_libc_heap(self):
        self.write("src/net/a.c", "void f(void)\n{\n    char *p = malloc(1);\n    free(p);\n}\n")
        self.verdict("a.c:3: malloc()", "a.c:4: free()")

    def test_libc_heap_with_reason_or_not_a_call(self):
        self.write("src/net/a.c", 'void f(void)\n{\n    free(p); /* libc: idn2 gave it */\n    v->free(p);\n'
                                  '    mem_free(q);\n    puts("free(x)"); /* then free(x) */\n}\n')
        self.verdict()

    def test_map_of_all_files(self):
        self.write("src/command/main.c", "/*\n * 2 net    requests\n *     url, http*   what\n * 8 command\n *     main\n * 2 store/disk\n *     file\n */\n")
        self.write("src/net/http1.c", "int http1;\n")
        self.verdict()
        self.write("src/net/pool.c", "int pool;\n")
        self.write("src/command/url.c", "int url;\n")
        self.write("src/store/disk/page.c", "int page;\n")
        self.verdict("does not name pool under net", "does not name url under command", "does not name page under store/disk")

    def test_test_file_that_exits(self):
        self.write("tests/e2e/a.test.mjs", "process.exit(0);\n")
        self.verdict("a.test.mjs:1: process.exit()")

    def test_dead_link(self):
        self.write("docs/b.md", "fine\n")
        self.write("docs/a.md", "[b](b.md#part) [x](https://example.com/x)\n[gone](gone.md)\n")
        self.verdict("docs/a.md:2: link to gone.md")

    def test_path_that_does_not_exist(self):
        self.write("docs/a.md", "`src/net/url.h` `src/net/` `tests/unit/test_X.c` `src/net/gone.c`\n")
        self.verdict("names src/net/gone.c", "names tests/unit/test_X.c")

    def test_not_utf8(self):
        (self.root / "docs").mkdir()
        (self.root / "docs/a.md").write_bytes(b"\xff\n")
        self.verdict("not UTF-8")


class Tally(Tree):
    def count(self, kind, text, status=0):
        path = self.root / "results"
        if text is not None:
            path.write_text(text, encoding="utf-8")
        done = self.run_tool("tally", kind, path, status)
        self.assertEqual(done.returncode, 0, done.stderr)
        return tuple(int(n) for n in done.stdout.split())

    def meson(self, *tests, status=0):
        return self.count("meson", "".join(json.dumps(t) + "\n" for t in tests), status)

    def test_no_file_is_a_failure(self):
        for kind in ("meson", "node", "unittest"):
            with self.subTest(kind=kind):
                self.assertEqual(self.count(kind, None), (0, 1, 0))

    def test_no_test_is_a_failure(self):
        self.assertEqual(self.count("meson", ""), (0, 1, 0))
        self.assertEqual(self.count("node", "TAP version 13\n1..0\n# tests 0\n# pass 0\n# fail 0\n# skipped 0\n"), (0, 1, 0))
        self.assertEqual(self.count("unittest", "Ran 0 tests in 0.0s\n\nOK\n"), (0, 1, 0))

    def test_meson_counts_points(self):
        tap = "1..3\nok 1 - a\nok 2 - b # SKIP no netns\nok 3 - c\n"
        self.assertEqual(self.meson({"result": "OK", "stdout": tap}, {"result": "OK"}, {"result": "SKIP"}), (3, 0, 2))

    def test_meson_failed_point(self):
        tap = "1..2\nok 1 - a\nnot ok 2 - b\n"
        self.assertEqual(self.meson({"result": "FAIL", "stdout": tap}, status=1), (1, 1, 0))

    def test_meson_crash_after_good_points(self):
        tap = "1..2\nok 1 - a\nok 2 - b\n"
        self.assertEqual(self.meson({"result": "ERROR", "stdout": tap}, status=1), (2, 1, 0))

    def test_meson_timeout(self):
        self.assertEqual(self.meson({"result": "TIMEOUT", "stdout": "1..2\nok 1 - a\n"}, status=1), (1, 1, 0))

    def test_status_alone_is_a_failure(self):
        self.assertEqual(self.meson({"result": "OK"}, status=2), (1, 1, 0))

    def test_node(self):
        tap = "TAP version 13\nok 1 - a\n# tests 9\n# suites 1\n# pass 5\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 1\n"
        self.assertEqual(self.count("node", tap, 1), (5, 2, 2))

    def test_node_suite_skipped_as_a_whole(self):
        tap = "ok 1 - x # SKIP no namespace\n    ok 1 - y # SKIP\nok 2 - c\n# tests 2\n# pass 1\n# fail 0\n# skipped 1\n"
        self.assertEqual(self.count("node", tap), (1, 0, 2))

    def test_node_cut_off(self):
        self.assertEqual(self.count("node", "TAP version 13\nok 1 - a\n", 124), (0, 1, 0))

    def test_node_output_of_a_test_is_not_the_total(self):
        tap = "ok 1 - a\n    # pass 77\n# tests 1\n# pass 1\n# fail 0\n"
        self.assertEqual(self.count("node", tap), (1, 0, 0))

    def test_unittest(self):
        self.assertEqual(self.count("unittest", "Ran 9 tests in 1s\n\nFAILED (failures=2, errors=1, skipped=1)\n", 1), (5, 3, 1))


class Binary(Tree):
    SOURCE = ('#include <stdio.h>\n#include <string.h>\nint main(int c, char **v)\n{\n    char b[64];\n'
              '    memcpy(b, v[0], (size_t)c);\n    snprintf(b, (size_t)c, "%s", v[0]);\n    return b[0] + puts(b);\n}\n')
    GOOD = ["-O2", "-D_FORTIFY_SOURCE=3", "-fstack-protector-strong", "-fPIE", "-pie", "-Wl,-z,relro,-z,now"]

    def built(self, *flags):
        self.write("t.c", self.SOURCE)
        subprocess.run(["gcc", "-w", "-o", self.root / "todoke", self.root / "t.c", *flags], check=True)
        self.write("compile_commands.json", '[{\n"command": "gcc %s ../src/t.c",\n}]\n' % " ".join(flags))
        return self.run_tool("check-binary", self.root)

    def test_hardened(self):
        done = self.built(*self.GOOD)
        self.assertEqual(done.returncode, 0, done.stdout)

    def lacks(self, what, *flags):
        done = self.built(*flags)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(what, done.stdout)

    def test_no_pie(self):
        self.lacks("PIE", *self.GOOD, "-fno-pie", "-no-pie")

    def test_lazy_binding(self):
        self.lacks("full RELRO", *self.GOOD[:-1], "-Wl,-z,relro,-z,lazy")

    def test_no_relro(self):
        self.lacks("GNU_RELRO", *self.GOOD[:-1], "-Wl,-z,norelro")

    def test_executable_stack(self):
        self.lacks("stack marked", *self.GOOD, "-Wl,-z,execstack")

    def test_no_stack_protector(self):
        self.lacks("stack protector", *self.GOOD, "-fno-stack-protector")

    def test_not_fortified(self):
        self.lacks("fortified libc call", *self.GOOD, "-U_FORTIFY_SOURCE")

    def test_fortified_less(self):
        self.lacks("_FORTIFY_SOURCE=3", "-O2", "-D_FORTIFY_SOURCE=2", *self.GOOD[2:])

    def test_no_binary(self):
        self.assertEqual(self.run_tool("check-binary", self.root).returncode, 1)


class Dev(unittest.TestCase):
    def dev(self, *args):
        return subprocess.run([ROOT / "dev", *args], capture_output=True, text=True, check=False)

    def test_every_command_is_listed(self):
        shown = {line.split()[0] for line in self.dev().stdout.splitlines() if line.startswith("  ")}
        source = (ROOT / "dev").read_text(encoding="utf-8")
        defined = {line[4:line.index("(")] for line in source.splitlines() if line.startswith("cmd_")}
        self.assertEqual(shown, defined)
        self.assertEqual(shown, set("setup build run demo test check lint format fuzz bench clean".split()))

    def test_unknown_command_is_refused(self):
        done = self.dev("frobnicate")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no command 'frobnicate'", done.stderr)

    def test_unknown_group_is_refused(self):
        self.assertNotEqual(self.dev("setup", "nonsense").returncode, 0)


if __name__ == "__main__":
    os.chdir(ROOT)
    unittest.main()
