package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// axe is the accessibility checker that test/install-axe fetches, with its hash
// checked, into the directory of builds.
func axe(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "build", "axe-core", "axe-*.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		missing(t, "axe-core")
	}
	text, err := os.ReadFile(files[len(files)-1])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// openAll opens all details of a page, so that what is in them is looked at too.
const openAll = `for (const d of document.querySelectorAll("details")) d.open = true; 0`

// audit runs axe, which is in the page, on the page as it is, and names what breaks
// WCAG 2.2 on level A and AA.
func (b *tab) audit() []string {
	b.t.Helper()
	return eval[[]string](b, `axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}, resultTypes: ["violations"]})
		.then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 200) + " " + n.failureSummary)))`)
}

func TestAxeFindsNothing(t *testing.T) {
	source := axe(t)
	t.Parallel()
	b := demoTab(t)
	b.expectErrors("/graph?") // status 400, for a bad query
	b.expectErrors("?q=%28")
	b.expectErrors("rule=Nobody")
	for _, path := range demoPages {
		b.open(path)
		eval[any](b, source+"; 0")
		eval[any](b, openAll)
		for _, width := range []int64{360, 1280} {
			b.size(width, 800)
			for _, scheme := range []string{"light", "dark"} {
				b.scheme(scheme)
				for _, v := range b.audit() {
					t.Errorf("%s, %s, %d px: %s", path, scheme, width, v)
				}
				b.fits(fmt.Sprintf("%s at %d px", path, width))
			}
		}
	}
}

// TestAxeSees is about the tests' own eyes.
func TestAxeSees(t *testing.T) {
	source := axe(t)
	b := newTab(t, newStation(t, map[string]string{"a.yml": oneRule}).url)
	b.open("/-/healthy") // plain text, with nothing that would put it right
	eval[any](b, source+`; document.body.append(document.createElement("select"));
		Object.assign(document.body.style, {color: "#777", background: "#888"}); 0`)
	found := strings.Join(b.audit(), "\n")
	for _, want := range []string{"select-name: ", "color-contrast: "} {
		if !strings.Contains(found, want) {
			t.Errorf("axe sees no %son a page that has it, but %s", want, found)
		}
	}
}

// stop is one place where the focus stops on its way through a page.
type stop struct {
	What                     string
	Left, Top, Right, Bottom float64
	// Index is that among all that can be reached, -1 for others.
	Index int
	// Visible says that the focus is painted, in the window.
	Visible bool
}

// reachable are all elements of the page that the keyboard can reach.
const reachable = `[...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")].filter((e) => e.type !== "hidden" && e.checkVisibility())`

const focused = `(() => {
	const e = document.activeElement, r = e.getBoundingClientRect(), style = getComputedStyle(e);
	return {
		what: e.outerHTML.slice(0, 120), left: r.left, right: r.right, top: r.top + scrollY, bottom: r.bottom + scrollY,
		index: ` + reachable + `.indexOf(e),
		visible: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 && r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth,
	};
})()`

func TestFocusGoesThroughThePageInOrder(t *testing.T) {
	t.Parallel()
	for _, width := range []int64{360, 1280} {
		for _, path := range append(slices.Clone(pages), "/rule?rule=DiskAlmostFull", "/graph?g0.tab=0&g0.range_input=1h&g0.expr=disk_used_bytes") {
			b := demoTab(t)
			b.size(width, 800)
			b.open(path)
			eval[any](b, openAll)
			b.unroll(width)
			where := fmt.Sprintf("%s at %d px", path, width)
			count := eval[int](b, reachable+`.length`)
			var before *stop
			for i := range count {
				b.do(chromedp.KeyEvent(kb.Tab))
				at := eval[stop](b, focused)
				if at.Index != i {
					t.Errorf("%s: stop %d of %d is the element %d: %s", where, i, count, at.Index, at.What)
					break
				}
				if !at.Visible {
					t.Errorf("%s: the focus cannot be seen on %s", where, at.What)
				}
				if before != nil && before.after(at) {
					t.Errorf("%s: the focus goes back from %s to %s", where, before.What, at.What)
				}
				before = &at
			}
			b.do(chromedp.KeyEvent(kb.Tab))
			if at := eval[stop](b, focused); at.Index > 0 {
				t.Errorf("%s: the focus does not leave the page at its end, but goes to %s", where, at.What)
			}
		}
	}
}

// after is true if a reader finds the other first: it is above, or on the same line
// and to the left. The link that skips stands where it wants.
func (s *stop) after(other stop) bool {
	if s.Index == 0 {
		return false
	}
	const slack = 1 // pixel
	if other.Bottom <= s.Top+slack {
		return true
	}
	sameLine := min(s.Bottom, other.Bottom)-max(s.Top, other.Top) > min(s.Bottom-s.Top, other.Bottom-other.Top)/2
	return sameLine && other.Right <= s.Left+slack
}

func TestSkipLink(t *testing.T) {
	b := demoTab(t)
	for _, path := range pages {
		b.open(path)
		b.do(chromedp.KeyEvent(kb.Tab))
		if at := eval[stop](b, focused); !strings.Contains(at.What, `class="skip"`) || !at.Visible {
			t.Errorf("%s: the first stop is %+v, want the visible link that skips the navigation", path, at)
		}
		b.do(chromedp.KeyEvent(kb.Enter))
		b.until("the focus is in the content", `document.activeElement.id === "main"`)
		b.do(chromedp.KeyEvent(kb.Tab))
		if !eval[bool](b, `document.querySelector("header").compareDocumentPosition(document.activeElement) & Node.DOCUMENT_POSITION_FOLLOWING ? true : document.activeElement === document.body`) {
			t.Errorf("%s: the next stop is in the navigation", path)
		}
	}
}
