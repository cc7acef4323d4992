package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"coso/deploy/faults/cage"
	"coso/deploy/faults/fleet"
)

// full fills one disk of some machines, for a while, in which meanwhile is done, if there is something. Heal gives the room back; a
// server that has given up its disk is started anew, as its operator does.
func (r *round) full(ctx context.Context, what string, disk func(*fleet.Machine) *cage.Disk, restart bool, meanwhile func() error) error {
	return r.again(ctx, func() error {
		hit := r.some()
		leave := r.dice.IntN(64)
		r.did("the disk of %s is full but %d KiB at %v", what, leave, hit)
		for _, i := range hit {
			if err := disk(r.fleet.Machines[i]).Fill(leave); err != nil {
				return err
			}
		}
		var failed error
		if meanwhile != nil {
			failed = meanwhile()
		}
		r.hold(ctx, 2*time.Second, 6*time.Second)
		for _, i := range hit {
			failed = errors.Join(failed, disk(r.fleet.Machines[i]).Clear())
			if restart {
				failed = errors.Join(failed, r.fleet.Machines[i].Server.Kill())
			}
		}
		return failed
	})
}

func fullLog(ctx context.Context, r *round) error {
	return r.full(ctx, "the log", func(m *fleet.Machine) *cage.Disk { return m.Log }, true, nil)
}

func fullData(ctx context.Context, r *round) error {
	return r.full(ctx, "the data", func(m *fleet.Machine) *cage.Disk { return m.Data }, false, nil)
}

// fullTemp lets a replica fetch a copy meanwhile: always the same one, since the others must be there to give it.
func fullTemp(ctx context.Context, r *round) error {
	i := r.dice.IntN(fleet.Size)
	return r.full(ctx, "temporary files", func(m *fleet.Machine) *cage.Disk { return m.Temp }, false, func() error {
		r.did("replica %d begins anew", i+1)
		return r.anew(i)
	})
}

func powerCuts(ctx context.Context, r *round) error {
	return r.again(ctx, func() error {
		hit := r.some()
		r.did("the power of machines %v is cut", hit)
		err := r.fleet.PowerCut(ctx, hit...)
		r.hold(ctx, 0, 3*time.Second)
		return err
	})
}

// cutAll cuts the power of all at once, after they have written for a while.
func cutAll(ctx context.Context, r *round) error {
	r.hold(ctx, 2*time.Second, 3*time.Second)
	r.did("the power of all machines is cut")
	return r.fleet.PowerCut(ctx, 0, 1, 2)
}

// flips is how many bits are changed at once, flipsOfRecords how many where records stand.
const (
	flips          = 3
	flipsOfRecords = 12
)

// flipLog changes bits in the blocks of one server, which is dead meanwhile: always the same one, since two damaged copies of three are
// more than a majority can mend.
func flipLog(ctx context.Context, r *round) error {
	i := r.dice.IntN(fleet.Size)
	m := r.fleet.Machines[i]
	return r.again(ctx, func() error {
		if err := m.Server.Kill(); err != nil {
			return err
		}
		files, err := m.Blocks()
		if err == nil && len(files) == 0 {
			err = fmt.Errorf("server %d has no blocks of the log", i+1)
		}
		for range flips {
			if err != nil {
				return err
			}
			err = r.flip(files[r.dice.IntN(len(files))], nil)
		}
		r.hold(ctx, 0, time.Second)
		if err == nil {
			err = m.Server.Start()
		}
		r.hold(ctx, 2*time.Second, 4*time.Second)
		if leader := r.fleet.Leader(ctx); err == nil && leader >= 0 && leader != i {
			r.did("kill -9 of server %d, so that the one with the changed bits may lead", leader+1)
			err = r.fleet.Machines[leader].Server.Kill()
			r.hold(ctx, 4*time.Second, 6*time.Second)
		}
		return err
	})
}

// flipData changes bits in the file of one replica, which is dead meanwhile: where records stand, or anywhere.
func flipData(ctx context.Context, r *round) error {
	r.hurt = r.dice.IntN(fleet.Size)
	m := r.fleet.Machines[r.hurt]
	r.hold(ctx, 2*time.Second, 3*time.Second)
	if err := m.Replica.Kill(); err != nil {
		return err
	}
	r.work.Damage(m.Replica.Host)
	where, n := []byte(nil), flips
	if r.dice.IntN(4) > 0 { // most of the places lie in pages that were left behind
		where, n = []byte("units/shared-"), flipsOfRecords
	}
	for range n {
		if err := r.flip(m.File(), where); err != nil {
			return err
		}
	}
	if err := m.Replica.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// flip changes a bit of a file: anywhere, or behind some place where it says something.
func (r *round) flip(path string, where []byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	offset := r.dice.IntN(len(text))
	if found := places(text, where); len(found) > 0 {
		offset = found[r.dice.IntN(len(found))] + len(where) + r.dice.IntN(16)
	}
	offset = min(offset, len(text)-1)
	r.did("a bit of %s at %d of %d is changed", path, offset, len(text))
	return cage.Flip(path, int64(offset))
}

// places are where a text says something; nothing is said nowhere.
func places(text, what []byte) (all []int) {
	for from := 0; len(what) > 0; {
		found := bytes.Index(text[from:], what)
		if found < 0 {
			break
		}
		all = append(all, from+found)
		from += found + len(what)
	}
	return all
}

// replaceHurt lets the replica whose file was harmed begin anew if it says that it cannot go on, as its operator does.
func replaceHurt(ctx context.Context, r *round) error {
	m := r.fleet.Machines[r.hurt]
	said := "it does not run"
	if m.Replica.Runs() {
		state, err := r.fleet.Door().State(ctx, r.hurt)
		switch {
		case err != nil:
			said = err.Error()
		case state.GetSetAside() || state.GetHalted() != nil:
			said = state.GetHalted().GetTextEn() + " " + state.GetHalted().GetDetail()
		case r.fleet.Serves(ctx, r.hurt) == nil:
			r.did("replica %d goes on: nothing that counts was changed", r.hurt+1)
			return nil
		}
	}
	r.did("replica %d begins anew: %s", r.hurt+1, said)
	return r.anew(r.hurt)
}

// anew lets a replica begin on an empty folder.
func (r *round) anew(i int) error {
	m := r.fleet.Machines[i]
	if err := errors.Join(m.Replica.Kill(), r.fleet.Forget(i)); err != nil {
		return err
	}
	return m.Replica.Start()
}
