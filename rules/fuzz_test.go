package rules

import (
	"os"
	"testing"
)

// FuzzParse checks that no input makes the reader panic, that our verdict is
// Prometheus' verdict, and that positions lie within the file.
func FuzzParse(f *testing.F) {
	for _, path := range seeds(f) {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, v := range verdicts {
		f.Add([]byte(v.in))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 8<<10 {
			t.Skip("larger inputs are slower, not richer")
		}
		file := Options{}.parse("f.yml", content)
		checkInvariants(t, file, content)
		if ok, errs := prometheusAccepts(content); ok != (len(file.Problems) == 0) {
			t.Errorf("Prometheus accepts: %v %v\nwe say: %v", ok, errs, file.Problems)
		}
	})
}
