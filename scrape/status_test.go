package scrape

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
)

func TestStatusOfTarget(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "# HELP temp How warm it is.\n# TYPE temp gauge\ntemp{room=\"a\"} 21\n# TYPE a counter\na 1\n")
	})
	s, _, scraped := start(t, strings.Replace(u, "http://", "http://u:p@", 1)+"/m?x=1", nil)
	<-scraped
	got := s.Targets()[0]
	want := labels.FromStrings("instance", "host1", "job", "docker")
	if !labels.Equal(got.Labels, want) || got.ScrapeURL != u+"/m?x=1" || got.Timeout != 50*time.Millisecond {
		t.Errorf("target status %+v", got)
	}
	for name, value := range map[string]string{
		"__address__": strings.TrimPrefix(u, "http://"), "__metrics_path__": "/m", "__param_x": "1", "job": "docker",
		"__scheme__": "http", "__scrape_interval__": "50ms", "__scrape_timeout__": "50ms", "instance": "host1",
	} {
		if got.Discovered.Get(name) != value {
			t.Errorf("discovered %s = %q, want %q", name, got.Discovered.Get(name), value)
		}
	}
	if diff := cmp.Diff([]Metadata{
		{want, "a", "counter", "", ""}, {want, "temp", "gauge", "How warm it is.", ""},
	}, s.Metadata(), cmp.Comparer(labels.Equal)); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	c := s.Config()
	if text := c.String(); !strings.Contains(text, "<secret>") || strings.Contains(text, "password: p") {
		t.Errorf("the configuration shows a password:\n%s", text)
	}
}

func TestStatusOfTargetThatIsNotScraped(t *testing.T) {
	target, err := ParseURL("http://u:secret@h:1/m")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Target: Target{URL: target, Job: "j", Instance: "i"}, Interval: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	got := s.Targets()[0]
	if got.Health != "unknown" || got.ScrapeURL != "http://u:xxxxx@h:1/m" || got.Labels.Get("job") != "j" || got.Timeout != 10*time.Second {
		t.Errorf("target status %+v", got)
	}
	if m := s.Metadata(); m != nil {
		t.Errorf("metadata %v", m)
	}
}
