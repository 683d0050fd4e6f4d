package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this very binary as tocsin.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tocsin": func() {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		os.Exit(command(ctx, os.Args[1:], console{os.Getenv, os.Stdout, os.Stderr}))
	}})
}

// TestScripts runs testdata/*.txtar: one for each behaviour that a user can see.
func TestScripts(t *testing.T) {
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			port, err := freePort()
			env.Setenv("PORT", port)
			env.Setenv("REPO", repo)
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":   await,
			"send":    send,
			"history": history,
			"expose":  expose,
			"panels":  panels,
		},
	})
}
