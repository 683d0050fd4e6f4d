package main

import "github.com/alecthomas/kingpin/v2"

// parseArgs is answered where --help, --version or a completion is all there was to
// say. kingpin ends the process then, and would parse on, and print more, if that
// returned.
func parseArgs(app *kingpin.Application, args []string) (selected string, answered bool, err error) {
	type end struct{}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case end:
			answered = true
		default:
			panic(p)
		}
	}()
	app.Terminate(func(int) { panic(end{}) })
	selected, err = app.Parse(args)
	return selected, false, err
}
