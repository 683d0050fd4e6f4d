package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
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
