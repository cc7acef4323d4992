// Command faults harms a registry in replicas in every way that a data centre does, and checks that nothing that was promised is
// broken. It needs root: each round runs in a cage of its own (package cage).
//
// It prints one table; a row is one nemesis with one seed. It ends with 1 if a round finds something wrong, if a round cannot be
// made, or if a control run, in which something is broken on purpose, finds nothing.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"coso/deploy/faults/cage"
)

// flags are the command line.
type flags struct {
	Bin      string        `help:"Folder of the binaries: coso, nats-server, replica-one, replica-two." required:""`
	Logs     string        `help:"Folder for the logs of each round." required:""`
	Short    bool          `help:"One seed of each nemesis, and less harm: at most 5 minutes."`
	Seed     uint64        `help:"The seed of the first round; 0: one that is drawn."`
	Nemesis  []string      `help:"Only these, separated by commas." placeholder:"NAME"`
	Rounds   int           `help:"How many seeds of each nemesis; 0: 1 with --short, else 2."`
	Harm     time.Duration `help:"For how long a round does harm; 0: 8s with --short, else 30s."`
	Parallel int           `help:"How many rounds run at once." default:"3"`

	// rooms is the folder of the rounds' own files.
	rooms string
}

// caged is what a round is told, by this program in its cage.
type caged struct {
	Nemesis string
	Seed    uint64
	// Harm is for how long harm is done.
	Harm time.Duration
	// Bin, Dir and Logs are the folders of the binaries, of the round's own files, and of its logs.
	Bin, Dir, Logs string
}

// inACage begins the arguments of this program in a cage.
const inACage = "in-a-cage"

func main() {
	os.Exit(run(os.Args[1:]))
}

// run is what this process does, and its exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(args) > 1 && args[0] == inACage {
		err = inside(ctx, args[1], os.Stdout)
	} else {
		err = outside(ctx, args, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return 1
	}
	return 0
}

// inside makes one round and says what came of it.
func inside(ctx context.Context, told string, out io.Writer) error {
	var c caged
	if err := json.Unmarshal([]byte(told), &c); err != nil {
		return err
	}
	for _, n := range nemeses() {
		if n.name == c.Nemesis {
			return json.NewEncoder(out).Encode(inCage(ctx, n, c))
		}
	}
	return fmt.Errorf("there is no nemesis %q", c.Nemesis)
}

// outside makes all rounds that the flags ask for, each in a cage, and prints the table.
func outside(ctx context.Context, args []string, out io.Writer) error {
	var f flags
	parser, err := kong.New(&f, kong.Name("faults"), kong.Description("Harms a registry in replicas and checks that nothing that was promised is broken. Needs root."))
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); err != nil {
		return err
	}
	if err := cage.Possible(); err != nil {
		return err
	}
	chosen, err := f.chosen()
	if err != nil {
		return err
	}
	return f.all(ctx, chosen, out)
}
