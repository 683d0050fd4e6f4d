package scrape

import "testing"

// A password, and a parameter that may be one, stay out of logs and pages.
func TestRedacted(t *testing.T) {
	for in, want := range map[string]string{
		"http://u:p@h:1/metrics":       "http://u:xxxxx@h:1/metrics",
		"http://h:1/metrics?token=abc": "http://h:1/metrics?xxxxx",
		"unix:///run/x.sock":           "unix:///run/x.sock",
	} {
		u, err := ParseURL(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Target{URL: u}).Redacted(); got != want {
			t.Errorf("%s is shown as %s, want %s", in, got, want)
		}
	}
}
