package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// awaitLimit bounds how long a script waits for something to happen.
const awaitLimit = 30 * time.Second

// await URL REGEXP polls until the answer matches; with ! until it does not.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: await URL REGEXP")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	var last string
	for end := time.Now().Add(awaitLimit); time.Now().Before(end); {
		last = fetch(args[0])
		if re.MatchString(last) != neg {
			return
		}
		<-time.After(20 * time.Millisecond) // between two polls
	}
	ts.Fatalf("%s never %q; the last answer:\n%s", args[0], args[1], last)
}

// send METHOD PATH STATUS [REGEXP] [HEADER=VALUE ...] makes one request of the
// process on $PORT.
func send(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 || neg {
		ts.Fatalf("usage: send METHOD PATH STATUS [REGEXP] [HEADER=VALUE ...]")
	}
	req, err := http.NewRequest(args[0], "http://127.0.0.1:"+ts.Getenv("PORT")+args[1], nil)
	ts.Check(err)
	pattern := "."
	for _, arg := range args[3:] {
		name, value, isHeader := strings.Cut(arg, "=")
		switch {
		case isHeader && name == "Host":
			req.Host = value
		case isHeader && regexp.MustCompile(`^[A-Z][A-Za-z-]*$`).MatchString(name):
			req.Header.Set(name, value)
		default:
			pattern = arg
		}
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if fmt.Sprint(resp.StatusCode) != args[2] || len(args) > 3 && !regexp.MustCompile(pattern).Match(body) {
		ts.Fatalf("%s %s: %s, want %s and %q; the answer:\n%s", args[0], args[1], resp.Status, args[2], pattern, body)
	}
}

func fetch(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// freePort is one that nobody listens on now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port), nil
}
