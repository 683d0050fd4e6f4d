package notify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURLs(t *testing.T) {
	for in, want := range map[string][]string{
		"":                             nil,
		" , ,":                         nil,
		"http://am:9093":               {"http://am:9093"},
		"http://am:9093/":              {"http://am:9093"},
		"HTTP://AM:9093":               {"http://am:9093"},
		" http://a , https://b/pre/ ,": {"http://a", "https://b/pre"},
		"http://a,http://a/":           {"http://a"},
		"http://b,http://a,http://b":   {"http://b", "http://a"},
		"http://[::1]:9093":            {"http://[::1]:9093"},
		"http://am/a%2Fb/":             {"http://am/a%2Fb"},
		"http://am/alerts":             {"http://am/alerts"},
		"https://me:secret@am/x":       {"https://me:xxxxx@am/x"},
		"https://token@am":             {"https://xxxxx@am"},
		"https://@am":                  {"https://am"},
		"https://:@am":                 {"https://am"},
		"https://me:s%2Ce@am":          {"https://me:xxxxx@am"},
	} {
		eps, err := ParseURLs(in)
		if err != nil {
			t.Errorf("ParseURLs(%q): %v", in, err)
		}
		var got []string
		for _, ep := range eps {
			got = append(got, ep.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseURLs(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func TestParseURLsErrors(t *testing.T) {
	for in, want := range map[string][]string{
		"am:9093":                         {`URL "am:9093": no scheme, did you mean http://am:9093?`},
		"10.0.0.1:9093":                   {`no scheme, did you mean http://10.0.0.1:9093?`},
		"[::1]:9093":                      {`no scheme, did you mean http://[::1]:9093?`},
		"ftp://am":                        {`scheme "ftp" is neither http nor https`},
		"http://":                         {"no host"},
		"http://:9093":                    {"no host"},
		"http://am:99999":                 {"port is not between 1 and 65535"},
		"http://am:0":                     {"port is not between 1 and 65535"},
		"http://am?x=1":                   {"leave out everything from ? or # on"},
		"http://am/?":                     {"leave out everything from ? or # on"},
		"http://am/#/alerts":              {"leave out everything from ? or # on"},
		"http://am/api/v2/alerts":         {"give the base URL, without the API's path"},
		"http://am/api/v1/":               {"give the base URL, without the API's path"},
		"http://am:port":                  {`"http://am:xxxxx": not a URL`},
		"am:9093,http://ok,ftp://am":      {"am:9093", "ftp://am"},
		"http://a:1@am,http://a:2@am":     {"listed twice with different credentials"},
		"http://me:se/cret@am":            {`"http://xxxxx@am": not a URL: check host and port, and percent-encode`},
		"http://me:se cret@am":            {`"http://xxxxx@am": not a URL`},
		"http://me:se%zzcret@am":          {`"http://xxxxx@am": not a URL`},
		"http://me:se#cret@am":            {`"http://xxxxx@am": not a URL`},
		"me:secret@am:9093":               {"no scheme, did you mean http://xxxxx@am:9093?"},
		"http://me:se,cret@am":            {`"http://me:xxxxx": not a URL`, `"xxxxx@am": no scheme`},
		"http://me:se/c,ret@am":           {`"http://me:xxxxx": not a URL`, `"xxxxx@am": no scheme`},
		"http://me:secret@am:9093/?q=1":   {`"http://xxxxx@am:9093/?q=1": leave out`},
		"https://me:secret@am/api/v2/":    {`give the base URL`},
		"gopher://me:secret@am,ftp://b,c": {"gopher", "ftp://b", `"c": no scheme`},
	} {
		eps, err := ParseURLs(in)
		if err == nil {
			t.Errorf("ParseURLs(%q) = %v, want an error", in, eps)
			continue
		}
		for _, part := range append(want, "http://alertmanager:9093") {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("ParseURLs(%q) = %v, want %q in it", in, err, part)
			}
		}
		for _, part := range []string{"secret", "cret", "se/", "c,ret"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("ParseURLs(%q) = %v, shows the password", in, err)
			}
		}
		if got := strings.Count(err.Error(), "\n"); got+1 < len(want) && len(want) > 1 {
			t.Errorf("ParseURLs(%q) = %v, want %d entries named", in, err, len(want))
		}
	}
}

func TestEndpointPrintsNoPassword(t *testing.T) {
	ep := mustParse(t, "https://me:secret@am")[0]
	for _, format := range []string{"%s", "%v", "%+v", "%#v", "%q"} {
		for _, v := range []any{ep, &ep, []Endpoint{ep}, Options{Endpoints: []Endpoint{ep}}} {
			if got := fmt.Sprintf(format, v); strings.Contains(got, "secret") {
				t.Errorf("%s of %T shows the password: %s", format, v, got)
			}
		}
	}
}

func TestScrub(t *testing.T) {
	const text = "alertmanager: GET t0ken me:alertmanager bWU6YWxlcnRtYW5hZ2Vy dDBrZW46 a:b"
	for in, want := range map[string]string{
		"http://am":                 text,
		"http://@am":                text,
		"http://t0ken@am":           "alertmanager: GET xxxxx me:alertmanager bWU6YWxlcnRtYW5hZ2Vy xxxxx a:b",
		"http://me:alertmanager@am": "alertmanager: GET t0ken xxxxx xxxxx dDBrZW46 a:b",
	} {
		if got := mustParse(t, in)[0].scrub()(text); got != want {
			t.Errorf("scrub of %s: got %q, want %q", in, got, want)
		}
	}
}

func FuzzParseURLs(f *testing.F) {
	for _, seed := range []string{
		"", "http://am:9093", "am:9093", "http://u:HUNTER@h", "http://u:HUNTER@h:x", "http://u:HUNTER/@h,b",
		"u:HUNTER@h", "http://[::1%25eth0]:1/a%2fb", "http://h/%zz", "http://u:HUNTER@h?x#y", "ftp://u:HUNTER@h",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		eps, err := ParseURLs(in)
		if err != nil {
			if eps != nil {
				t.Errorf("endpoints %v along with error %v", eps, err)
			}
			return
		}
		for _, ep := range eps {
			again, err := ParseURLs(ep.url.String())
			if strings.Contains(ep.url.String(), ",") {
				continue // one URL with a comma reads as two
			}
			if err != nil || len(again) != 1 || again[0].name != ep.name {
				t.Errorf("%q gives %q, which gives %v, %v", in, ep.url, again, err)
			}
		}
	})
}

func TestParseURLsKeepsTheGoodOnes(t *testing.T) {
	eps, err := ParseURLs("am:9093,http://ok,ftp://am,https://fine/prefix")
	if err == nil || len(eps) != 2 || eps[0].String() != "http://ok" || eps[1].String() != "https://fine/prefix" {
		t.Errorf("got %v, %v; want the two good ones and an error about the others", eps, err)
	}
}
