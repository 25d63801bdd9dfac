"""A broker of simulated GPUs and its clients, for the suites that speak its protocol."""
import atexit, contextlib, json, os, re, select, signal, socket, subprocess, sys, tempfile, threading, time

BUILD, LEASES = os.environ['BUILD'], os.environ['LEASES']

class Refused(Exception):
    """error: its name; reason: its parameters"""

class Client:
    def __init__(self, broker, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(broker.socket)
        self.data = b''

    def raw(self, data):
        self.socket.sendall(data)

    def send(self, method, parameters=None, **more):
        name = method if method.count('.') else 'io.dri.Broker.' + method
        self.raw(json.dumps({'method': name, 'parameters': parameters or {}, **more}).encode() + b'\0')

    def receive(self):
        while b'\0' not in self.data:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError('hung up')
            self.data += data
        message, self.data = self.data.split(b'\0', 1)
        reply = json.loads(message)
        if 'error' in reply:
            raise Refused(reply['error'], reply['parameters'])
        return reply['parameters']

    def call(self, method, parameters=None):
        self.send(method, parameters)
        return self.receive()

    def ask(self, name, detached=False, **request):
        request = {'enable': 'true', 'gpu': 'igpu', **{k.replace('_', '-'): str(v) for k, v in request.items()}}
        self.send('Acquire', {'container': {'id': name}, 'workload': {'uid': 0, 'gid': 0}, 'request': request,
                              'detached': detached})

    def acquire(self, name, detached=False, **request):
        self.ask(name, detached, **request)
        return self.receive()['grant']

    def silent(self, seconds=0.3):
        """Nothing comes, and the connection stays."""
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            raise AssertionError('unexpected: %r' % self.receive())
        except TimeoutError:
            pass
        finally:
            self.socket.settimeout(before)

    def answered(self):
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self):
        self.socket.close()

def children(pid):
    try:
        return [int(p) for p in open('/proc/%d/task/%d/children' % (pid, pid)).read().split()]
    except FileNotFoundError:
        return []

class Broker:
    def __init__(self, start=True, **config):
        self.dir = tempfile.mkdtemp(dir=os.environ['BATS_TEST_TMPDIR'])
        os.chmod(self.dir, 0o755)
        self.root = tempfile.mkdtemp(dir=LEASES)
        os.chmod(self.root, 0o700)
        self.socket, self.journal = self.dir + '/broker.sock', self.dir + '/broker.journal'
        self.log = self.dir + '/log'
        self.fixture = os.environ['SIMULATED_GPUS']
        self.process = None
        self.configure(**config)
        atexit.register(self.kill)
        if start:
            self.start()

    def configure(self, **config):
        with open(self.dir + '/config.json', 'w') as f:
            json.dump({k.replace('_', '-'): v for k, v in config.items()}, f)

    def start(self, *under, wait=True):
        env = {**os.environ, 'DRI_BROKER_SOCKET': self.socket, 'DRI_BROKER_CONFIG': self.dir + '/config.json'}
        self.process = subprocess.Popen([*under, BUILD + '/dri-broker', '--simulate', self.fixture, '--lease-root', self.root],
                                        env=env, stdin=subprocess.DEVNULL, stderr=open(self.log, 'a'))
        return not wait or self.wait()

    def wait(self):
        """True when it serves, False when it has ended."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                self.call('org.varlink.service.GetInfo')  # it listens before it serves
                return True
            except (OSError, EOFError):
                if self.process.poll() is not None:
                    return False
                time.sleep(0.002)
        raise TimeoutError('dri-broker does not start')

    def kill(self, signo=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            # Where strace is between, the broker is its child. The warden ends by itself.
            below = []
            for child in children(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    below.append(os.pidfd_open(child))
                    if self.process.args[0] == 'strace':
                        signal.pidfd_send_signal(below[-1], signo)
            self.process.send_signal(signo)
            for fd in below:
                assert select.select([fd], [], [], 20)[0]
                os.close(fd)
        if self.process:
            self.process.wait(20)

    def restart(self, signo=signal.SIGKILL):
        self.kill(signo)
        assert self.start(), self.messages()

    def call(self, method, parameters=None):
        client = Client(self)
        try:
            return client.call(method, parameters)
        finally:
            client.close()

    def status(self):
        return self.call('Status')

    def leases(self):
        """{container: state}"""
        return {l['container']['id']: l['state'] for l in self.status()['leases']}

    def ids(self):
        return {l['id'] for l in self.status()['leases']}

    def queue(self):
        return [w['container']['id'] for w in self.status()['queue']]

    def directories(self):
        return set(os.listdir(self.root))

    def messages(self):
        return open(self.log).read()

    def journalled(self):
        """What the journal says is leased."""
        leases = {}
        for record in map(json.loads, open(self.journal)):
            if record['op'] == 'grant':
                leases[record['lease']] = record
            elif record['op'] == 'release':
                leases.pop(record['lease'], None)
        return set(leases)

    def agree(self):
        ids = self.ids()
        assert ids == self.directories() == self.journalled(), (ids, self.directories(), open(self.journal).read())
        return ids

def process():
    p = subprocess.Popen(['sleep', '300'])
    atexit.register(p.kill)
    return p

def activate(broker, lease):
    """A process that takes it up."""
    p = process()
    broker.call('Activate', {'lease': lease, 'pid': p.pid})
    return p

def end(p):
    p.kill()
    p.wait()

def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'not in %g s' % seconds
        time.sleep(0.02)

def refused(call, error=None, text=''):
    """The reason of a call that is refused."""
    try:
        result = call()
    except Refused as e:
        assert error in (None, e.args[0]), e.args
        assert text in json.dumps(e.args[1]), e.args
        return e.args[1].get('reason', '')
    raise AssertionError('not refused: %r' % (result,))

def hung_up(client, seconds=20):
    client.socket.settimeout(seconds)
    try:
        while True:
            if not client.socket.recv(65536):
                return True
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
