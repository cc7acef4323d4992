package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"coso/deploy/internal/sheet"
	"coso/deploy/nats"
	"coso/services/platform/certs"
	"coso/services/platform/civil"
	"coso/services/platform/mtls"
	"coso/services/platform/replica"
	shell "coso/services/platform/run"
	"coso/services/platform/run/settings"
)

// maxDays is how long a certificate may hold at most: what is lost or copied is worth something no longer.
const maxDays = 397

// natsConf is the configuration of a nats-server that asks for certificates.
const natsConf = "nats.conf"

// hostName is the name of a machine.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// certsCommand makes certificates.
type certsCommand struct {
	Dir   settings.Folder `arg:"" optional:"" help:"Folder for CA, certificates and keys, best on a machine that runs nothing else; default: certs in the data folder, where the processes of this machine look for theirs."`
	Days  int             `help:"How many days the certificates of the processes hold." default:"90" example:"90"`
	Host  []string        `help:"Names and IP addresses of the machines on which processes run, separated by commas; localhost, 127.0.0.1 and ::1 are always there." placeholder:"HOST"`
	NATS  []string        `name:"nats" help:"Names and machines of the nats-servers of one cluster, three or five, separated by commas, e.g. n1=10.0.0.1,n2=10.0.0.2,n3=10.0.0.3; default: one nats-server." placeholder:"NAME=HOST"`
	Renew bool            `help:"Make new certificates and keys for the processes, by the CA that is there." xor:"way"`
	Force bool            `help:"Make everything anew, the CA too: all processes need the new files at once." xor:"way"`
	Lang  sheet.Lang      `help:"Language: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run makes them and says what goes where.
func (c certsCommand) Run(s streams) error {
	if c.Days < 1 || c.Days > maxDays {
		return fmt.Errorf(tell(c.Lang, "--days: %d không được; ghi một số từ 1 đến %d, ví dụ 90", "--days: %d cannot be; write a number from 1 to %d, e.g. 90"), c.Days, maxDays)
	}
	for _, host := range c.Host {
		if net.ParseIP(host) == nil && !hostName.MatchString(host) {
			return fmt.Errorf(tell(c.Lang, "--host: %q không phải là tên máy hay địa chỉ IP; ghi không kèm cổng, ví dụ may-1.noi-bo hoặc 10.0.0.5",
				"--host: %q is no name of a machine and no IP address; write it without port, e.g. node-1.internal or 10.0.0.5"), host)
		}
	}
	dir, err := c.folder()
	if err != nil {
		return err
	}
	nodes, err := c.nodes()
	if err != nil {
		return err
	}
	o := certs.Options{Dir: dir, Days: c.Days, Hosts: c.Host, Renew: c.Renew, Force: c.Force, Now: time.Now(), Beside: map[string][]byte{}}
	var machines []string
	for _, node := range nodes {
		machines = append(machines, node.At)
	}
	if o.Hosts = append(o.Hosts, machines...); len(nodes) == 0 {
		nodes = []nats.Node{{Listen: "127.0.0.1"}}
		if len(c.Host) > 0 {
			nodes[0].Listen = "0.0.0.0"
		}
	}
	for _, node := range nodes {
		node.Files = certs.FilesOf(dir, mtls.NATS)
		o.Beside[confOf(node)] = []byte(nats.Configuration(node, machines...))
	}
	made, err := certs.Make(o)
	if err != nil {
		return c.explain(dir, err)
	}
	_, err = fmt.Fprint(s.out, c.placing(dir, made, nodes))
	return err
}

// nodes are the nats-servers of a cluster; none: there is one server.
func (c certsCommand) nodes() (all []nats.Node, err error) {
	for _, one := range c.NATS {
		name, at, _ := strings.Cut(one, "=")
		if replica.CheckName(name) != nil || net.ParseIP(at) == nil && !hostName.MatchString(at) {
			return nil, fmt.Errorf(tell(c.Lang, "--nats: %q không được; ghi tên, dấu = và máy, ví dụ n1=10.0.0.1", "--nats: %q cannot be; write a name, = and a machine, e.g. n1=10.0.0.1"), one)
		}
		for _, other := range all {
			if other.Name == name || other.At == at {
				return nil, fmt.Errorf(tell(c.Lang, "--nats: %s=%s và %s trùng tên hoặc trùng máy; mỗi nats-server cần tên và máy riêng",
					"--nats: %s=%s and %s have one name or one machine; each nats-server needs its own"), other.Name, other.At, one)
			}
		}
		all = append(all, nats.Node{Name: name, At: at, Listen: at})
	}
	if n := len(all); n == 1 || n > 0 && n%2 == 0 {
		return nil, fmt.Errorf(tell(c.Lang, "--nats: %d nats-server không được; một cụm cần số lẻ, ba hoặc năm, để đa số quyết định", "--nats: %d nats-servers cannot be; a cluster needs an odd number, three or five, so that a majority decides"), n)
	}
	return all, nil
}

// confOf is the name of the configuration of a nats-server.
func confOf(node nats.Node) string {
	if node.Name == "" {
		return natsConf
	}
	return "nats-" + node.Name + ".conf"
}

// folder is where they are made.
func (c certsCommand) folder() (string, error) {
	if c.Dir != "" {
		return filepath.Abs(string(c.Dir))
	}
	data, err := shell.DataFolder()
	return certs.Folder(data), err
}

// explain says what to do about certificates that cannot be made in a folder.
func (c certsCommand) explain(dir string, err error) error {
	switch {
	case errors.Is(err, certs.ErrThere):
		return fmt.Errorf(tell(c.Lang, "thư mục %s đã có chứng thư; dùng --renew để gia hạn bằng CA đang có, hoặc --force để làm lại tất cả, kể cả CA: %w",
			"the folder %s has certificates already; --renew makes new ones by the CA that is there, --force makes everything anew, the CA too: %w"), dir, err)
	case errors.Is(err, certs.ErrNoCA):
		return fmt.Errorf(tell(c.Lang, "thư mục %s không có CA (ca.pem và ca.key) để gia hạn; chỉ đúng thư mục đã tạo lần đầu, hoặc bỏ --renew để tạo mới: %w",
			"the folder %s has no CA (ca.pem and ca.key) to renew by; name the folder of the first time, or leave --renew out to begin: %w"), dir, err)
	case errors.Is(err, certs.ErrEnded):
		return fmt.Errorf(tell(c.Lang, "CA trong %s đã hết hạn; dùng --force để làm lại tất cả rồi đặt các tệp mới cho mọi tiến trình: %w",
			"the CA in %s has ended; make everything anew with --force and give all processes their new files: %w"), dir, err)
	}
	return err
}

// placing says what goes where.
func (c certsCommand) placing(dir string, made certs.Made, nodes []nats.Node) string {
	var b strings.Builder
	day := func(t time.Time) string { return tell(c.Lang, civil.Today(t).DisplayVN(), civil.Today(t).String()) }
	fmt.Fprintf(&b, tell(c.Lang, "Chứng thư có hiệu lực đến ngày %s, CA đến ngày %s. Gia hạn trước đó 14 ngày: coso certs %s --renew\n\n",
		"The certificates hold until %s, the CA until %s. Renew 14 days before: coso certs %s --renew\n\n"), day(made.Ends), day(made.CA), dir)
	for _, name := range mtls.Names() {
		f := certs.FilesOf(dir, name)
		if name == mtls.NATS {
			for _, node := range nodes {
				fmt.Fprintf(&b, "nats-server  -c %s\n", filepath.Join(dir, confOf(node)))
			}
			continue
		}
		if c.Dir == "" { // where they look
			fmt.Fprintf(&b, "%sd\n", name)
			continue
		}
		fmt.Fprintf(&b, "%-12s --tls-cert %s --tls-key %s --tls-ca %s\n", name+"d", f.Cert, f.Key, f.CA)
	}
	b.WriteString(tell(c.Lang, `
Mỗi tiến trình chỉ cần ba tệp của mình; chép kèm ca.pem, KHÔNG chép ca.key: ai có ca.key thì giả được mọi tiến trình.
Tệp thay mới được nhận trong vài giây, không phải khởi động lại; với nats-server: nats-server --signal reload.
`, `
Each process needs its own three files; copy ca.pem along, NOT ca.key: whoever has ca.key can pass for any process.
Files that are replaced are taken within seconds, without a restart; for nats-server: nats-server --signal reload.
`))
	return b.String()
}
