package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"coso/deploy/internal/client"
	"coso/deploy/internal/session"
	"coso/deploy/internal/sheet"
	"coso/services/platform/fault"
)

// client is one of the server, for whom COSO_API_TOKEN or the session on this machine speaks; a refusal in the reader's language if
// there is neither.
func (f serverFlag) client(lang sheet.Lang) (*client.Client, error) {
	c := client.New(f.Server)
	if secret := os.Getenv("COSO_API_TOKEN"); secret != "" {
		return c.As(func(context.Context) (string, error) { return secret, nil }), nil
	}
	s, err := f.session()
	if err != nil {
		return nil, err
	}
	who, err := s.Principal()
	if err == nil && who == "" {
		err = &client.NobodyError{Base: strings.TrimRight(f.Server, "/")}
	}
	return c.As(s.Proof), told(lang, err)
}

// session is the one on this machine for the server.
func (f serverFlag) session() (*session.Session, error) {
	folder, err := session.Folder()
	if err != nil {
		return nil, err
	}
	return session.At(folder, strings.TrimRight(f.Server, "/")), nil
}

// signInCommand signs in.
type signInCommand struct {
	serverFlag
	User string     `arg:"" help:"User name, e.g. lan."`
	Lang sheet.Lang `help:"Language of what is asked and said: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run asks for the password, and for another one after a one-time password. From a terminal nothing that is typed is shown; from
// a pipe the passwords are lines.
func (c signInCommand) Run(ctx context.Context, s streams) error {
	kept, err := c.session()
	if err != nil {
		return err
	}
	ask := asker{say: s.err, in: bufio.NewReader(os.Stdin), lang: c.Lang}
	password, err := ask.secret("Mật khẩu: ", "Password: ")
	if err != nil {
		return err
	}
	got, err := kept.SignIn(ctx, c.User, password)
	if err != nil {
		return told(c.Lang, err)
	}
	if got.GetMustChangePassword() {
		if err := c.choose(ctx, ask, kept, password); err != nil {
			return errors.Join(told(c.Lang, err), kept.SignOut(ctx)) // half signed in, nothing else would work
		}
	}
	_, err = fmt.Fprintf(s.out, ask.text("Đã đăng nhập %s với %s.\n", "Signed in to %s as %s.\n"), c.Server, got.GetPrincipal())
	return err
}

// told is a refusal in the reader's language; nil stays nil.
func told(lang sheet.Lang, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(sheet.TextOf(err, lang))
}

// choose changes a one-time password; on a terminal a password that will not do is asked for again.
func (c signInCommand) choose(ctx context.Context, ask asker, kept *session.Session, old string) error {
	for {
		next, err := ask.twice()
		if err != nil {
			return err
		}
		err = kept.ChangePassword(ctx, old, next)
		if fault.KindOf(err) != fault.KindInvalidArgument || err == nil || !term.IsTerminal(int(os.Stdin.Fd())) {
			return err
		}
		if _, err := fmt.Fprintln(ask.say, sheet.TextOf(err, c.Lang)); err != nil {
			return err
		}
	}
}

// signOutCommand signs out.
type signOutCommand struct {
	serverFlag
	Lang sheet.Lang `help:"Language of what is said: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run ends the session on this machine, and says whose it was.
func (c signOutCommand) Run(ctx context.Context, s streams) error {
	kept, err := c.session()
	if err != nil {
		return err
	}
	who, err := kept.Principal()
	if err == nil {
		err = kept.SignOut(ctx)
	}
	if err != nil {
		return told(c.Lang, err)
	}
	if who == "" {
		_, err = fmt.Fprintf(s.out, tell(c.Lang, "Không có ai đăng nhập %s trên máy này.\n", "Nobody is signed in to %s on this machine.\n"), c.Server)
		return err
	}
	_, err = fmt.Fprintf(s.out, tell(c.Lang, "Đã đăng xuất %s khỏi %s.\n", "Signed %s out of %s.\n"), who, c.Server)
	return err
}

// asker asks a person, or reads what a program says for one.
type asker struct {
	say  io.Writer
	in   *bufio.Reader
	lang sheet.Lang
}

func (a asker) text(vi, en string) string {
	if a.lang == sheet.English {
		return en
	}
	return vi
}

// secret reads a line that is not shown.
func (a asker) secret(vi, en string) (string, error) {
	if fd := int(os.Stdin.Fd()); term.IsTerminal(fd) {
		if _, err := fmt.Fprint(a.say, a.text(vi, en)); err != nil {
			return "", err
		}
		typed, err := term.ReadPassword(fd)
		if _, said := fmt.Fprintln(a.say); err == nil {
			err = said
		}
		return string(typed), err
	}
	line, err := a.in.ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line != "" {
		return line, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = errors.New(a.text("thiếu mật khẩu: hãy gõ, hoặc gửi vào từng dòng", "no password: type it, or send one per line"))
	}
	return "", err
}

// twice asks for a new password until it was typed the same twice; from a pipe it is one line.
func (a asker) twice() (string, error) {
	if _, err := fmt.Fprintln(a.say, a.text(
		"Đây là mật khẩu dùng một lần; hãy đặt mật khẩu của mình, ít nhất 12 ký tự.",
		"This is a one-time password; choose one of your own, of at least 12 characters.")); err != nil {
		return "", err
	}
	for {
		first, err := a.secret("Mật khẩu mới: ", "New password: ")
		if err != nil || !term.IsTerminal(int(os.Stdin.Fd())) {
			return first, err
		}
		second, err := a.secret("Gõ lại: ", "Again: ")
		if err != nil || first == second {
			return first, err
		}
		if _, err := fmt.Fprintln(a.say, a.text("Hai lần gõ khác nhau; hãy gõ lại.", "The two differ; type them again.")); err != nil {
			return "", err
		}
	}
}
