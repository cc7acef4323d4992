package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"coso/deploy/faults/check"
	"coso/services/platform/streamlog"
	"coso/services/registry"
)

// copyLimit is how long it may take until a server leads and has shown its copy.
const copyLimit = 60 * time.Second

// stepDown is the subject on which the leader of the log hands over.
var stepDown = "$JS.API.STREAM.LEADER.STEPDOWN." + streamlog.StreamName(registry.Name)

// Copy is what one server's copy of the log holds. Only the leader is asked for messages, so that server is made to lead.
func (f *Fleet) Copy(ctx context.Context, i int) (check.Copy, error) {
	held := check.Copy{Name: server(i)}
	err := Until(ctx, copyLimit, server(i)+" shows its copy of the log", func() error {
		if err := f.lead(ctx, i); err != nil {
			return err
		}
		journal, err := f.Journal(ctx)
		if now := f.Leader(ctx); err == nil && now != i {
			err = fmt.Errorf("while it was read, server %d came to lead", now+1)
		}
		held.Hashes = nil
		for _, e := range journal {
			held.Hashes = append(held.Hashes, e.Hash)
		}
		return err
	})
	return held, err
}

// lead asks the server that leads the log to hand over to another one; nil: that one leads.
func (f *Fleet) lead(ctx context.Context, i int) error {
	now := f.Leader(ctx)
	if now == i {
		return nil
	}
	if now < 0 {
		return errors.New("no server leads the log")
	}
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	said, err := f.door.js.Conn().RequestWithContext(asking, stepDown, fmt.Appendf(nil, `{"placement":{"preferred":%q}}`, server(i)))
	if err != nil {
		return fmt.Errorf("ask %s to hand over: %w", server(now), err)
	}
	var answer struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(said.Data, &answer); err != nil {
		return fmt.Errorf("%s does not hand over: %w", server(now), err)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s does not hand over: %s", server(now), answer.Error.Description)
	}
	if now = f.Leader(ctx); now != i {
		return fmt.Errorf("server %d leads the log", now+1)
	}
	return nil
}
