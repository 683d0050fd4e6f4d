package browser

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

var (
	screenshots = flag.String("screenshots", "", "directory for pictures of all pages; none if empty")
	picture     = flag.String("picture", "", "file for the picture of the alerts in the README; none if empty")
)

// pictured are the pages by the names of their pictures.
func pictured() map[string]string {
	list := map[string]string{
		"alerts-filter": "/?q=team%3Dstorage", "alerts-bad-filter": "/?q=severity%3D~%22%28%22",
		"rule": "/rule?rule=DiskAlmostFull", "rule-failing": "/rule?rule=UplinkSlow",
		"graph-chart": "/graph?g0.tab=0&g0.range_input=1h&g0.expr=disk_used_bytes+%2F+disk_size_bytes", "graph-result": "/graph?g0.expr=disk_used_bytes&g0.tab=1", "graph-error": "/graph?g0.expr=rate%28disk_used_bytes%5B5m%29",
	}
	for _, path := range pages {
		name := strings.TrimPrefix(path, "/")
		if name == "" {
			name = "alerts"
		}
		list[name] = path
	}
	return list
}

// drawn is true when all charts that stand open have been asked for, and drawn or
// given up.
const drawn = `[...document.querySelectorAll("figure[data-chart]")].every((f) => f.childElementCount || !f.checkVisibility())`

// TestScreenshots makes the pictures that make screenshots is for. Nothing judges
// them but people.
func TestScreenshots(t *testing.T) {
	if *screenshots == "" && *picture == "" {
		t.Skip("make screenshots makes them")
	}
	b := demoTab(t)
	b.expectErrors("q=") // some of the pages show an error
	b.expectErrors("expr=")
	if *screenshots != "" {
		for name, path := range pictured() {
			for _, scheme := range []string{"light", "dark"} {
				for _, width := range []int64{360, 1280} {
					b.scheme(scheme)
					b.size(width, 800)
					b.open(path)
					eval[any](b, openAll)
					save(t, filepath.Join(*screenshots, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), b.whole(width))
				}
			}
		}
	}
	if *picture != "" {
		b.scheme("light")
		b.size(1280, 1000)
		b.open("/")
		b.until("the charts are drawn", `document.querySelectorAll("figure canvas").length > 1`)
		image, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if most := 200_000; len(image) > most {
			t.Errorf("the picture has %d bytes, want no more than %d", len(image), most)
		}
		save(t, *picture, image)
	}
}

// unroll makes the window as high as the page, and waits for all charts, which are
// drawn as they come into view.
func (b *tab) unroll(width int64) {
	b.t.Helper()
	b.size(width, max(800, eval[int64](b, `document.scrollingElement.scrollHeight`)))
	b.until("the charts are drawn", drawn)
	b.size(width, max(800, eval[int64](b, `document.scrollingElement.scrollHeight`)))
}

// whole is a picture of the page in all its height.
func (b *tab) whole(width int64) []byte {
	b.t.Helper()
	b.unroll(width)
	image, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	return image
}

func save(t *testing.T, path string, image []byte) {
	t.Helper()
	if err := os.WriteFile(path, image, 0o644); err != nil {
		t.Fatal(err)
	}
}
