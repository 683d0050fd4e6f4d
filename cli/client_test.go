package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// serve answers with a status and a body, on a port, or on a socket if it has a path.
func serve(t *testing.T, socket string, code int, body string) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, strings.ReplaceAll(body, "PATH", r.URL.RequestURI()))
	}))
	if socket != "" {
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		srv.Listener.Close()
		srv.Listener = l
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"http://localhost:9193":               "",
		"https://u:p@host/prefix":             "",
		"unix:///run/docker/plugins/x/t.sock": "",
		"localhost:9193":                      "did you mean http://localhost:9193?",
		"u:secret@localhost:9193":             "did you mean http://xxxxx@localhost:9193?",
		"unix://run/x.sock":                   "a socket is written unix:///path",
		"ftp://host":                          "expected http://host:port",
		"http://":                             "expected http://host:port",
		"http://u:secret@":                    "expected http://host:port",
	} {
		_, err := NewClient(address, "")
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

func TestGet(t *testing.T) {
	dir, err := os.MkdirTemp("", "tc") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	const good = `{"status":"success","data":"PATH"}`
	ask := func(address string) (string, error) {
		c, err := NewClient(address, "")
		if err != nil {
			t.Fatal(err)
		}
		raw, err := c.get(t.Context(), "api/v1/x", map[string][]string{"a": {"b c"}})
		return string(raw), err
	}
	socket := filepath.Join(dir, "tocsin.sock")
	serve(t, socket, 200, good)
	for address, want := range map[string]string{
		serve(t, "", 200, good):              `"/api/v1/x?a=b+c"`,
		serve(t, "", 200, good) + "/prefix/": `"/prefix/api/v1/x?a=b+c"`,
		"unix://" + socket:                   `"/api/v1/x?a=b+c"`,
	} {
		if got, err := ask(address); got != want || err != nil {
			t.Errorf("%s: %s %v, want %s", address, got, err, want)
		}
	}
	for name, c := range map[string]struct {
		code int
		body string
		want string
		exit int
	}{
		"a mistake of ours": {400, `{"status":"error","error":"no such thing"}`, "no such thing", ExitUsage},
		"not there":         {404, `{"status":"error","error":"no such rule"}`, "no such rule", ExitUsage},
		"an older one":      {404, `404 page not found`, "there is no Tocsin of this version: it does not know /api/v1/x", ExitFailure},
		"a password":        {401, `Unauthorized`, "credentials go into a file for --http.config.file", ExitFailure},
		"no storage":        {503, `{"status":"error","error":"storage is not open"}`, "storage is not open", ExitFailure},
		"no JSON":           {200, `<html>`, "answers with something else than JSON", ExitFailure},
	} {
		_, err := ask(serve(t, "", c.code, c.body))
		if err == nil || !strings.Contains(err.Error(), c.want) || Code(err) != c.exit {
			t.Errorf("%s: %v with code %d, want %q with %d", name, err, Code(err), c.want, c.exit)
		}
	}
}

// TestFallsBack: where nobody listens, the sockets of plugins are tried, and an answer
// that is an error ends the search.
func TestFallsBack(t *testing.T) {
	dir, err := os.MkdirTemp("", "tc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	client := func(address string) *Client {
		c, err := NewClient("", "")
		if err != nil {
			t.Fatal(err)
		}
		c.addresses, c.sockets = []string{address}, filepath.Join(dir, "*", "tocsin.sock")
		return c
	}
	if _, err := client(nobody).get(t.Context(), "x", nil); err == nil || !strings.Contains(err.Error(), "is Tocsin running?") {
		t.Errorf("nobody at all: %v", err)
	}
	for _, name := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	stale, err := net.Listen("unix", filepath.Join(dir, "a", "tocsin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	serve(t, filepath.Join(dir, "b", "tocsin.sock"), 200, `{"data":1}`)
	if raw, err := client(nobody).get(t.Context(), "x", nil); string(raw) != "1" || err != nil {
		t.Errorf("a stale socket, then a plugin: %s %v", raw, err)
	}
	answered := (*AnswerError)(nil)
	if _, err := client(serve(t, "", 503, "{}")).get(t.Context(), "x", nil); !errors.As(err, &answered) {
		t.Errorf("an answer that is an error: %v", err)
	}
}

// TestFormats: an answer that cannot be read is an error in each of them.
func TestFormats(t *testing.T) {
	address := serve(t, "", 200, `{"status":"success","data":{"state":1}}`)
	client, err := NewClient(address, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{Table, JSON, YAML} {
		var b bytes.Buffer
		c := &Command{Client: client, Format: format, Out: &b, Getenv: func(string) string { return "" }}
		if code, err := c.Status(context.Background()); code != ExitFailure || err == nil || b.Len() > 0 {
			t.Errorf("%s: %d %v %s", format, code, err, b.String())
		}
	}
}

// bash expands the words that it is offered for completion.
func TestRuleNamesAreWords(t *testing.T) {
	c, err := NewClient(serve(t, "", 200, `{"status":"success","data":{"groups":[{"rules":[
		{"name":"job:up:sum"},{"name":"Disk"},{"name":"Disk"},{"name":"Größe.1"},
		{"name":"$(touch x)"},{"name":"a`+"`id`"+`"},{"name":"two words"},{"name":"~root"},{"name":"*"},{"name":"a{b,c}"},{"name":"--output"},{"name":"x;y"},{"name":"'x"}
	]}]}}`), "")
	if err != nil {
		t.Fatal(err)
	}
	names, err := c.RuleNames(t.Context())
	if got, want := strings.Join(names, " "), "Disk Größe.1 job:up:sum"; got != want || err != nil {
		t.Errorf("names %s %v, want %s", got, err, want)
	}
}
