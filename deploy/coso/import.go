package main

import (
	"context"
	"fmt"
	"net/url"

	planningpb "coso/proto/gen/coso/planning/v1"

	"coso/deploy/internal/client"
	"coso/deploy/internal/sheet"
)

// serverFlag names a running server.
type serverFlag struct {
	Server string `help:"Base address of a running server." default:"http://127.0.0.1:8080" env:"COSO_SERVER"`
}

// importCommand sends sheets.
type importCommand struct {
	serverFlag
	Files []string `arg:"" name:"file" help:"CSV sheets; what they hold is seen from their columns, their order does not matter." type:"existingfile"`
}

// Run checks every sheet before it sends the first.
func (i importCommand) Run(ctx context.Context, s streams) error {
	sheets := make([]*sheet.Sheet, 0, len(i.Files))
	for _, f := range i.Files {
		one, err := sheet.Read(f)
		if err != nil {
			return err
		}
		if err := one.Check(); err != nil {
			return fmt.Errorf("nothing was sent:\n%w", err)
		}
		sheets = append(sheets, one)
	}
	sheet.Order(sheets)
	c := client.New(i.Server)
	meter := newMeter(s.err)
	defer meter.end()
	for _, one := range sheets {
		meter.step(one.File, len(one.Rows), 0)
		if err := one.Send(ctx, c, func(n int) { meter.step(one.File, len(one.Rows), n) }); err != nil {
			return err
		}
	}
	if err := counted(ctx, c); err != nil {
		return fmt.Errorf("everything was sent, but planning has not counted it yet: %w", err)
	}
	for _, one := range sheets {
		if _, err := fmt.Fprintf(s.out, "%s: %d %s are there\n", one.File, len(one.Rows), one.Noun); err != nil {
			return err
		}
	}
	return nil
}

// counted waits until planning has heard of what was sent, so that whoever asks next sees it: a read carries the positions
// of what this client wrote, and planning answers when its copies have reached them.
func counted(ctx context.Context, c *client.Client) error {
	return c.Get(ctx, "/v1/periods", url.Values{"pageSize": {"1"}}, &planningpb.ListPeriodsResponse{})
}
