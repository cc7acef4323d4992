package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"coso/services/platform/run"
	"coso/services/platform/token"

	"coso/gateway/identity"
)

// firstFile says, in the data folder, how to sign in for the first time. A log is read by too many to say it.
const firstFile = "first-sign-in.txt"

// open opens the store of the accounts, in which tokens of other issuers count too, and sees to it that somebody can sign in.
func (f *flags) open(ctx context.Context, logger *slog.Logger, foreign []token.Issuer) (*identity.Service, error) {
	dir := string(f.Data)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := run.Whole(dir, identity.Name); err != nil {
		return nil, err
	}
	accounts, err := f.Front.Accounts(ctx, run.Options{Dir: dir, Logger: logger, Checkpoints: f.Checkpoints.Options()}, foreign)
	if err != nil {
		return nil, fmt.Errorf("the store of %s: %w", identity.Name, err)
	}
	if err := errors.Join(run.Settled(dir, identity.Name), f.first(ctx, accounts, logger)); err != nil {
		return nil, errors.Join(err, accounts.Close())
	}
	return accounts, nil
}

// first writes how to sign in for the first time, and removes what says so once nobody needs it.
func (f *flags) first(ctx context.Context, accounts *identity.Service, logger *slog.Logger) error {
	path := filepath.Join(string(f.Data), firstFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("first sign-in: %w", err)
	}
	first, err := accounts.EnsureFirst(ctx, string(f.Front.AdminPassword))
	if err != nil || first.OneTimePassword == "" {
		return err
	}
	if err := os.WriteFile(path, []byte(first.Greeting()), 0o600); err != nil {
		return fmt.Errorf("first sign-in: %w", err)
	}
	logger.WarnContext(ctx, "nobody has signed in yet: a file says how", "file", path)
	return nil
}
