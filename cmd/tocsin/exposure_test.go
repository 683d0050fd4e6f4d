package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExposure: beyond this machine nothing is served to whoever comes, unless told so.
func TestExposure(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// The hash is of a password that is nobody's.
	users := file("users.yml", "basic_auth_users:\n  admin: $2y$05$4Bz3Lk0EYlKN.ZBqSxHnhOaGqVVvGHwzBOQpcfO1dKTTdFLAk7BBm\n")
	none := file("none.yml", "http_server_config: {http2: false}\n")
	bad := file("bad.yml", "basic_auth_user: {}\n")
	for _, tc := range []struct {
		address, config, allow string
		want                   string // in effect
		problem                string
	}{
		{"127.0.0.1:1", "", "", "127.0.0.1:1", ""},
		{"localhost:1", "", "", "localhost:1", ""},
		{"[::1]:1", "", "", "[::1]:1", ""},
		{"127.9.9.9:1", none, "", "127.9.9.9:1", ""},
		{":1", "", "", "127.0.0.1:9193", "basic_auth_users"},
		{"0.0.0.0:1", "", "", "127.0.0.1:9193", "basic_auth_users"},
		{"192.0.2.1:1", none, "", "127.0.0.1:9193", "basic_auth_users"},
		{"edge.example:1", "", "", "127.0.0.1:9193", "basic_auth_users"},
		{"0.0.0.0:1", users, "", "0.0.0.0:1", ""},
		{"0.0.0.0:1", "", "on", "0.0.0.0:1", ""},
		{"0.0.0.0:1", bad, "", "", "field basic_auth_user not found"},
		{"off", "", "", "", ""},
	} {
		s, problems := given(t, map[string]string{"LISTEN_ADDRESS": tc.address, "WEB_CONFIG_FILE": tc.config, "WEB_ALLOW_UNPROTECTED": tc.allow}, "--plugin.socket=/run/x.sock")
		if s.listenAddress != tc.want {
			t.Errorf("%+v: listens on %q", tc, s.listenAddress)
		}
		switch {
		case tc.problem == "" && len(problems) > 0:
			t.Errorf("%+v: %v", tc, problems)
		case tc.problem != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), tc.problem)):
			t.Errorf("%+v: problems %v", tc, problems)
		}
		for _, x := range s.shown {
			if x.Name == "LISTEN_ADDRESS" && tc.want != "" && x.Value != tc.want {
				t.Errorf("%+v: the page shows %q", tc, x.Value)
			}
		}
	}
}

// TestLinksSpeakTLS: links in alerts lead to the page as it is served.
func TestLinksSpeakTLS(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.yml")
	for text, want := range map[string]string{
		"tls_server_config: {cert_file: a.crt, key_file: a.key}\n":           "https://192.0.2.1:9193",
		"tls_server_config: {cert: X, key: Y}\n":                             "https://192.0.2.1:9193",
		"basic_auth_users: {admin: x}\nhttp_server_config: {http2: false}\n": "http://192.0.2.1:9193",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := (settings{listenAddress: "192.0.2.1:9193", webConfigFile: path}).externalURL().String(); got != want {
			t.Errorf("%s: links lead to %s, want %s", text, got, want)
		}
	}
	if got := (settings{listenAddress: "192.0.2.1:9193"}).externalURL().Scheme; got != "http" {
		t.Errorf("without a file: %s", got)
	}
}
