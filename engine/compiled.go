package engine

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	texttemplate "text/template"

	"github.com/prometheus/common/helpers/templates"
)

// functions are those of Prometheus's template functions that most templates call,
// and that give the same for the same at any time. A template that calls no others
// is parsed once, where the library's expander parses at each expansion.
var functions = texttemplate.FuncMap{
	"humanize":           humanize,
	"humanize1024":       humanize1024,
	"humanizePercentage": humanizePercentage,
	"humanizeDuration":   templates.HumanizeDuration,
	"humanizeTimestamp":  templates.HumanizeTimestamp,
	"match":              regexp.MatchString,
	"toLower":            strings.ToLower,
	"toUpper":            strings.ToUpper,
	"urlQueryEscape":     url.QueryEscape,
}

// compile parses a template; nil if it calls other functions, has loops, which are to
// be charged, or is wrong: that is for the library to say.
func compile(bounded string) *texttemplate.Template {
	t, err := texttemplate.New("").Option("missingkey=zero").Funcs(functions).Parse(variables + bounded)
	if err != nil {
		return nil
	}
	return t
}

var (
	larger  = []string{"", "k", "M", "G", "T", "P", "E", "Z", "Y"}
	smaller = []string{"", "m", "u", "n", "p", "f", "a", "z", "y"}
	binary  = []string{"", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"}
)

func humanize(i any) (string, error) {
	v, err := templates.ConvertToFloat(i)
	switch {
	case err != nil:
		return "", err
	case v == 0 || math.IsNaN(v) || math.IsInf(v, 0):
		return withPrefix(v, ""), nil
	case math.Abs(v) >= 1:
		return scaledDown(v, 1000, larger), nil
	}
	n := 0
	for ; math.Abs(v) < 1 && n < len(smaller)-1; n++ {
		v *= 1000
	}
	return withPrefix(v, smaller[n]), nil
}

func humanize1024(i any) (string, error) {
	v, err := templates.ConvertToFloat(i)
	switch {
	case err != nil:
		return "", err
	case math.Abs(v) <= 1 || math.IsNaN(v) || math.IsInf(v, 0):
		return withPrefix(v, ""), nil
	}
	return scaledDown(v, 1024, binary), nil
}

func humanizePercentage(i any) (string, error) {
	v, err := templates.ConvertToFloat(i)
	if err != nil {
		return "", err
	}
	return withPrefix(v*100, "%"), nil
}

func scaledDown(v, base float64, prefixes []string) string {
	n := 0
	for ; math.Abs(v) >= base && n < len(prefixes)-1; n++ {
		v /= base
	}
	return withPrefix(v, prefixes[n])
}

func withPrefix(v float64, prefix string) string { return fmt.Sprintf("%.4g%s", v, prefix) }
