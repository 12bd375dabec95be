"""What a rater does with the page, and where they are."""

import json

SIDES = ("left", "right")


def slot_of(ratings):
    """Where the browser keeps a list's answers."""
    return f"deeprecon {ratings['study'][:16]} {ratings['rater']}"


def answered(key, n, number=1, rater="r001"):
    """Results of a rater who has answered the first trials of a list."""
    table, study = key
    rows = table[table["list"] == number].sort_values("order").head(n)
    return {
        "schema": "deeprecon-ratings/1", "study": study, "rater": rater, "list": number,
        "language": "en", "started": "2026-11-25T10:00:00.000Z", "finished": None,
        "client": {"viewport": [1280, 720], "dpr": 1, "touch": False}, "external": {},
        "resumed": 0,
        "trials": [
            {
                "trial_id": row.trial_id, "order": row.order, "left": row.left, "right": row.right,
                "response": SIDES[row.order % 2], "rt_ms": 900 + row.order,
                "t_ms": 2000 * row.order, "focus_lost": 0,
            }
            for row in rows.itertuples()
        ],
    }  # fmt: skip


class Session:
    """The page as a rater sees it."""

    def __init__(self, page, own_clock=False):
        """With a clock of its own, waiting costs no time: the page's clock is turned on."""
        self.page, self.own_clock = page, own_clock
        if own_clock:
            page.clock.install()

    @property
    def screen(self):
        """Name of the section that is shown."""
        return self.page.evaluate("document.body.dataset.screen")

    def wait(self, *screens):
        """Wait for one of several screens."""
        self.page.wait_for_function(
            "names => names.includes(document.body.dataset.screen)", arg=list(screens)
        )
        return self.screen

    def resume(self, url, answered):
        """Open the page as if so many trials had been answered, and go on with the next."""
        self.page.add_init_script(
            "if (!sessionStorage.getItem('put')) { sessionStorage.setItem('put', '1');"
            f" localStorage.setItem({json.dumps(slot_of(answered))},"
            f" {json.dumps(json.dumps(answered))}); }}"
        )
        self.page.goto(url)
        self.wait("pause-screen")
        self.page.click("#continue")
        self.wait("trial", "instructions", "message")

    def agree(self):
        """From the consent text to the first instructions."""
        self.wait("consent")
        self.page.click("#agree")
        self.wait("instructions")

    def pass_time(self, ms):
        """Let so many milliseconds pass for the page."""
        if self.own_clock:
            self.page.clock.run_for(ms)
        else:
            self.page.wait_for_timeout(ms)

    def ready(self):
        """Wait until an answer to the trial on the screen counts."""
        if self.own_clock:
            self.pass_time(400)
        self.page.wait_for_function(
            "() => !document.getElementById('pictures').classList.contains('blank')"
        )
        self.pass_time(330)

    def count(self):
        """Such as '3 of 21'."""
        return self.page.inner_text("#count")

    def answer(self, how):
        """Answer the trial on the screen, and wait for what comes next."""
        self.ready()
        before = self.count()
        how()
        if self.own_clock:
            self.pass_time(150)
        self.page.wait_for_function(
            "before => document.body.dataset.screen !== 'trial' ||"
            " document.getElementById('count').textContent !== before",
            arg=before,
        )

    def click(self, side="left"):
        """Answer by the mouse."""
        self.answer(lambda: self.page.click(f"#{side}"))

    def practise(self):
        """Practice of a block, with one answer of each side, up to its first trial."""
        self.page.click("#practise")
        while True:
            self.ready()
            self.page.click("#left")
            if self.own_clock:
                self.pass_time(150)
            self.page.wait_for_selector("#next:visible")
            self.page.click("#next")
            self.page.wait_for_function(
                "() => document.body.dataset.screen === 'ready' ||"
                " document.getElementById('next').hidden"
            )
            if self.screen == "ready":
                break
        self.page.click("#begin")
        self.wait("trial")

    def go_through(self, side_of=lambda n: SIDES[n % 2], until=None):
        """Everything from where the page is to its end (or to a number of answers)."""
        n = 0
        while True:
            screen = self.wait("instructions", "trial", "pause-screen", "finish", "consent")
            if screen == "finish":
                return
            if screen == "consent":
                self.agree()
            elif screen == "instructions":
                self.practise()
            elif screen == "pause-screen":
                self.page.click("#continue")
                self.page.wait_for_function("document.body.dataset.screen !== 'pause-screen'")
            else:
                if n == until:
                    return
                self.click(side_of(n))
                n += 1

    def results(self):
        """What the rater would send."""
        return json.loads(self.page.input_value("#answers"))

    def stored(self):
        """What the browser keeps, of the one list in it."""
        text = self.page.evaluate(
            "() => Object.entries(localStorage).find(([key]) => key.startsWith('deeprecon '))?.[1]"
        )
        return json.loads(text) if text else None
