"""Brokers that die at every point of a history (tests/fixtures/crash_preload.c), and what has to hold when the next
one serves. A history is a function of a World: it prepares, calls arm(), and goes on; where the broker dies, it is
left. What was answered is a promise, and kept over the death; what was not may have happened or not, but whole."""
from broker import *
import hashlib, mmap, shutil, struct
from concurrent.futures import ThreadPoolExecutor

V2 = not os.path.isdir('/sys/fs/cgroup/freezer')
GPUS = {'a': '226:128', 'b': '226:129'}
# What a broker that serves again lets go is let go long before this.
MOST_FROZEN = 10.0

class Died(Exception):
    """the broker, at its point"""

class Points:
    """struct points of crash_preload.c"""
    FIELDS = 'armed', 'at', 'torn', 'n', 'n_writes', 'reached', 'child'

    def __init__(self, path):
        self.path = path
        with open(path, 'wb') as f:
            f.write(bytes(4096))
        with open(path, 'r+b') as f:
            self.map = mmap.mmap(f.fileno(), 4096)

    def __getattr__(self, name):
        return struct.unpack_from('i', self.map, 4 * self.FIELDS.index(name))[0]

    def set(self, **values):
        for name, value in values.items():
            struct.pack_into('i', self.map, 4 * self.FIELDS.index(name), value)

    def what(self):
        return self.map[28:60].split(b'\0')[0].decode()

class Box:
    """A container: a process in control groups of its own, and what its door was promised."""
    def __init__(self, world, name, *command):
        self.world, self.name = world, name
        self.id = hashlib.sha256((world.name + name).encode()).hexdigest()  # as Docker's
        self.groups = {}
        for kind in ('',) if V2 else ('freezer', 'devices'):
            self.groups[kind] = '/sys/fs/cgroup/' + kind + '/dri-crash-' + self.id
            os.mkdir(self.groups[kind])
        if not V2:
            self.put('devices', 'devices.deny', 'a')
            self.put('devices', 'devices.allow', 'c 1:3 rwm')
        self.process = subprocess.Popen(command or ['sleep', '300'], stdin=subprocess.DEVNULL)
        for kind in self.groups:
            self.put(kind, 'cgroup.procs', str(self.process.pid))
        self.lease = self.gpu = None
        self.told = set()  # 'acquired', 'active', 'released': answered
        self.asked = set()  # the same: asked for
        self.ready = [None]  # what Status may say
        self.paused = self.detached = self.stopping = False
        world.boxes.append(self)

    def put(self, kind, file, text):
        with open(self.groups[kind] + '/' + file, 'w') as f:
            f.write(text)

    def freezer(self):
        return ('', 'cgroup.freeze') if V2 else ('freezer', 'freezer.state')

    def frozen(self):
        kind, file = self.freezer()
        return open(self.groups[kind] + '/' + file).read().strip() not in ('0', 'THAWED')

    def freeze(self, on):
        kind, file = self.freezer()
        self.put(kind, file, ('0', '1')[on] if V2 else ('THAWED', 'FROZEN')[on])
        self.paused = on

    def drm(self):
        """Which render nodes its device filter lets it open; None: nobody tells."""
        if V2:
            return None
        return {l.split()[1] for l in open(self.groups['devices'] + '/devices.list') if l.startswith('c 226:')}

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """As an engine asks it to; it may be frozen."""
        self.stopping = True
        self.process.terminate()

    def end(self):
        self.process.kill()
        if self.frozen():
            self.freeze(False)
        self.process.wait()

    def directory(self):
        return self.world.root + '/' + self.lease

    def has_directory(self):
        return os.path.exists(self.directory())

    # What its door does.

    def parameters(self, request):
        return {'container': {'id': self.id, 'name': self.name, 'engine': 'docker'}, 'workload': {'uid': 1000, 'gid': 1000},
                'request': {'enable': 'true', 'gpu': 'a', 'wait': '0s', **{k.replace('_', '-'): str(v) for k, v in request.items()}},
                'detached': self.detached}

    def ask(self, client, detached=True, **request):
        self.asked.add('acquired')
        self.detached = detached
        client.send('Acquire', self.parameters(request))

    def granted(self, client):
        grant = client.receive()['grant']
        self.lease, self.gpu = grant['lease'], grant['gpus']
        self.told.add('acquired')
        if not V2:  # as config.json has it
            for name in grant['gpus'].split(','):
                if name:
                    self.put('devices', 'devices.allow', 'c %s rw' % GPUS[name])
        return self

    def acquire(self, detached=True, **request):
        client = self.world.client()
        self.ask(client, detached, **request)
        return self.granted(client)

    def activate(self, **ready):
        self.asked.add('active')
        self.world.call('Activate', {'lease': self.lease, 'pid': self.process.pid, **ready})
        self.told.add('active')
        return self

    def report(self, ok, reason='as it is'):
        ready = {'level': 'driver', 'ok': ok, 'reason': reason}
        self.ready.append(ready)
        self.world.call('Report', {'lease': self.lease, 'ready': ready})
        self.ready = [ready]

    def release(self, **how):
        self.asked.add('released')
        self.world.call('Release', {'lease': self.lease, **how})
        self.told.add('released')

    def revoke(self):
        self.asked.add('revoked')
        self.world.call('Release', {'lease': self.lease, 'revoke': True, 'force': True})
        self.told.add('revoked')

class Docker:
    """Takes POST /containers/ID/start, and says yes."""
    def __init__(self, path):
        self.started = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            with contextlib.suppress(OSError):
                c = self.socket.accept()[0]
                request = c.recv(4096).decode()
                if '/containers/' in request:
                    self.started.append(request.split('/')[2])
                c.sendall(b'HTTP/1.0 204 No Content\r\n\r\n')
                c.close()

class World(Broker):
    """A broker that can be told where to die, and the containers around it."""
    count = 0

    def __init__(self, at=0, torn=0, **config):
        World.count += 1
        self.name = '%d-%d' % (os.getpid(), World.count)
        self.boxes, self.clients, self.others = [], [], []
        super().__init__(start=False)
        self.docker = None
        self.configure(**{'docker-socket': self.dir + '/docker.sock', 'activate-timeout': 60, **config})
        self.fixture = self.dir + '/gpus.json'
        self.gpus()
        self.points = Points(self.dir + '/points')
        self.points.set(at=at, torn=torn)
        self.expects = []

    def configure(self, **config):
        self.config = config
        super().configure(**config)

    def gpus(self, **numbers):
        """What the machine has from now on."""
        self.numbers = numbers or dict(GPUS)
        with open(self.fixture + '.new', 'w') as f:
            json.dump({'gpus': [{'name': name, 'pci': '0000:0%d:00.0' % (1 + ord(name) - ord('a')), 'vendor': '0x8086', 'device': '0x46d1',
                                 'driver': 'i915', 'gid': 992, 'render': {'name': 'renderD' + number[4:], 'device': number}}
                                for name, number in self.numbers.items()]}, f)
        os.rename(self.fixture + '.new', self.fixture)

    def arm(self):
        self.points.set(n=0, n_writes=0, armed=1)

    def disarm(self):
        self.points.set(armed=0)

    def check(self):
        """Has it died?"""
        if self.points.reached and self.process.poll() is None:
            if self.points.child:
                self.end_all()
            self.process.wait(20)
        if self.process.poll() is not None:
            if not self.points.reached:
                raise AssertionError('dri-broker ended by itself: ' + self.messages())
            raise Died()

    def end_all(self):
        """The broker, and a child of it that stands at a point."""
        below = children(self.process.pid)
        held = []
        for child in below:
            with contextlib.suppress(ProcessLookupError):
                held.append(os.pidfd_open(child))
        self.process.kill()
        for fd in held:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, signal.SIGKILL)
            os.close(fd)

    def start(self, *under, wait=True):
        env = {**os.environ, 'DRI_BROKER_SOCKET': self.socket, 'DRI_BROKER_CONFIG': self.dir + '/config.json',
               'CRASH_POINTS': self.points.path, 'LD_PRELOAD': BUILD + '/tests/crash_preload.so'}
        self.process = subprocess.Popen([*under, BUILD + '/dri-broker', '--simulate', self.fixture, '--lease-root', self.root],
                                        env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.log, 'a'))
        return not wait or self.wait()

    def wait(self):
        end = time.monotonic() + 20
        while True:
            try:
                return Broker.call(self, 'org.varlink.service.GetInfo')
            except (OSError, EOFError):
                self.check()
                assert time.monotonic() < end, 'dri-broker does not start'
                time.sleep(0.002)

    # Clients that notice its death, also where a child of it is what has stopped.

    def client(self):
        world = self

        class Watchful(Client):
            def receive(self):
                end = time.monotonic() + 20
                while b'\0' not in self.data and not select.select([self.socket], [], [], 0.005)[0]:
                    world.check()
                    assert time.monotonic() < end, 'no answer'
                return super().receive()

        c = Watchful(self)
        self.clients.append(c)
        return c

    def call(self, method, parameters=None):
        c = self.client()
        try:
            return c.call(method, parameters)
        finally:
            c.close()

    def until(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            self.check()
            assert time.monotonic() < end, 'not in %g s: %s' % (seconds, self.messages())
            time.sleep(0.002)

    def box(self, name, *command):
        return Box(self, name, *command)

    def play_docker(self):
        self.docker = Docker(self.dir + '/docker.sock')
        return self.docker

    def player(self):
        """An engine that boxes can work on; their figures are read by the broker."""
        engine = self.dir + '/engine'
        os.mkdir(engine)
        self.others.append(subprocess.Popen([BUILD + '/tests/gpu_player', 'serve', engine], stdin=subprocess.DEVNULL))
        until(lambda: re.search(' 00010000 .* %s/engine$' % engine, open('/proc/net/unix').read(), re.M))  # it listens
        return engine

    def worker(self, engine, name, job=2000, rest=0):
        return self.box(name, BUILD + '/tests/gpu_player', 'work', engine, name, '0000:01:00.0', str(job), str(rest))

    # --- what has to hold ---

    def holds(self, condition, what):
        assert condition, '%s; %s; journal: %s' % (what, self.messages(), open(self.journal).read())

    def thaws(self, status):
        """Nothing stays frozen but what the broker holds."""
        states = {l['container']['id']: l['state'] for l in status['leases']}
        end = time.monotonic() + MOST_FROZEN
        for box in self.boxes:
            state = states.get(box.id)
            if not box.alive():
                continue
            if box.paused or state == 'parked':
                until(box.frozen, MOST_FROZEN)
            elif state == 'throttled':
                until(lambda: not box.frozen())
            else:
                while box.frozen():
                    self.holds(time.monotonic() < end, '%s stays frozen (%s)' % (box.name, state))
                    time.sleep(0.002)

    def box_holds(self, box, lease):
        name, state = box.name, lease and lease['state']
        if not box.alive():
            self.holds(not lease or 'active' not in box.asked, name + ' is dead, and has a lease')
        if 'released' in box.told:
            self.holds(not lease, name + ' was released, and has a lease')
        elif 'active' in box.told and 'released' not in box.asked and box.alive():
            self.holds(lease and lease['pid'] == box.process.pid, name + ' has lost its lease')
        elif 'acquired' in box.told and not box.asked & {'active', 'released'} and box.detached:
            self.holds(state == 'granted', '%s was granted, and is %s' % (name, state))
        if 'revoked' in box.told:
            self.holds(state == 'revoked', '%s was revoked, and is %s' % (name, state))
        if not lease:
            return
        ready = lease['ready'] and {k: lease['ready'][k] for k in ('level', 'ok', 'reason')}
        self.holds(ready in box.ready, '%s is %s' % (name, ready))
        here = {self.numbers[g] for g in (lease['gpu'] or '').split(',') if g in self.numbers}
        shown = set()
        for node in os.listdir(self.root + '/' + lease['id']):
            st = os.lstat(self.root + '/' + lease['id'] + '/' + node)
            if node.startswith('renderD'):
                shown.add('%d:%d' % (os.major(st.st_rdev), os.minor(st.st_rdev)))
                self.holds((st.st_uid, st.st_mode & 0o777) == (1000, 0o660), '%s: %s is %o of %d' % (name, node, st.st_mode, st.st_uid))
        self.holds(shown == here, '%s (%s) shows %s and has %s' % (name, state, shown, here))
        if lease['pid'] and box.drm() is not None:
            self.holds(box.drm() == here, '%s (%s) may open %s and has %s' % (name, state, box.drm(), here))

    def consistent(self):
        for box in self.boxes:
            if box.stopping:
                until(lambda: not box.alive(), MOST_FROZEN)
        self.call('Status')  # ends of processes that came before this are known after it
        status = self.call('Status')
        by_box = {l['container']['id']: l for l in status['leases']}
        self.holds(len(by_box) == len(status['leases']), 'a container has two leases')
        self.holds({l['id'] for l in status['leases']} == self.directories(), 'leases and directories differ: %s, %s' % (status, self.directories()))
        for box in self.boxes:
            self.box_holds(box, by_box.get(box.id))
        for gpu in status['gpus']:
            if gpu['name'] not in self.numbers:
                continue  # it is away
            users = [l for l in status['leases'] if gpu['name'] in (l['gpu'] or '').split(',') and l['state'] != 'parked']
            used = sum(gpu['slots']['total'] if l['access'] == 'exclusive' else l['slots'] for l in users)
            self.holds(gpu['slots']['used'] == used <= gpu['slots']['total'], '%s: %s, %s' % (gpu['name'], gpu['slots'], users))
        self.thaws(status)
        for expect in self.expects:
            expect(status)

    def told(self):
        """Status, without what time alone changes."""
        status = self.call('Status')
        return ([(l['id'], l['container']['id'], l['state'].replace('throttled', 'active'), l['gpu'], l['pid'], l['ready'])
                 for l in sorted(status['leases'], key=lambda l: l['id'])],
                not self.docker and sorted(w['container']['id'] for w in status['queue']))

    def survive(self):
        """It has died: what the next one makes of it, and the one after that."""
        self.disarm()
        self.points.set(reached=0)
        # No grant expires between two looks.
        self.configure(**{**self.config, 'activate-timeout': 60})
        for c in self.clients:
            c.close()
        assert self.start(), self.messages()
        self.consistent()
        before = self.told()
        self.end_all()
        self.process.wait(20)
        assert self.start(), self.messages()
        self.holds(before == self.told(), 'the journal says %s, it was %s' % (self.told(), before))
        self.thaws(self.call('Status'))

    def finish(self):
        """Nothing is left when the containers are gone."""
        for box in self.boxes:
            box.end()
            if 'active' not in box.asked and box.lease and box.has_directory():
                with contextlib.suppress(Refused):
                    self.call('Release', {'lease': box.lease})
        granted = {l['id'] for l in self.call('Status')['leases'] if l['state'] == 'granted'}
        for lease in granted:
            self.call('Release', {'lease': lease})
        self.until(lambda: not self.directories())
        self.holds(not self.journalled(), 'leases are left')

    def clean_up(self):
        self.disarm()
        if self.process and self.process.poll() is None:
            self.end_all()
            self.process.wait(20)
        for box in self.boxes:
            box.end()
            for group in box.groups.values():
                until(lambda: not open(group + '/cgroup.procs').read())
                os.rmdir(group)
        for other in self.others:
            end(other)
        for c in self.clients:
            c.close()
        if self.docker:
            self.docker.socket.close()
        shutil.rmtree(self.root)
        shutil.rmtree(self.dir)

def run(history, at=0, torn=0):
    """Returns (did it die, points passed, writes, the call it died before)."""
    world = World(at, torn, **getattr(history, 'config', {}))
    points, died = world.points, False
    try:
        try:
            history(world)
            world.check()
        except (Died, EOFError, ConnectionError, BrokenPipeError):
            world.until(lambda: points.reached)
        died = bool(points.reached)
        passed = points.n, points.n_writes, points.what()
        world.end_all()
        world.process.wait(20)
        world.survive()
        world.finish()
        return (died, *passed)
    except Exception as e:
        e.args = ('%s, point %d, torn %d (%s): %s' % (history.__name__, at, torn, points.what(), e),)
        raise
    finally:
        world.clean_up()

def with_config(**config):
    def decorate(history):
        history.config = {k.replace('_', '-'): v for k, v in config.items()}
        return history
    return decorate

def crash(*histories):
    """Each of them with a death at each point, until there is none left."""
    places = {}

    def one(where):
        history, how, n = where
        died, _, _, what = run(history, **{how: n})
        if died:
            places[what] = places.get(what, 0) + 1
        return died

    with ThreadPoolExecutor(4) as pool:
        for history, (_, n, n_writes, _) in zip(histories, pool.map(run, histories)):
            assert n > 0, history.__name__ + ' has no effect'
            for how, most in ('at', n), ('torn', n_writes):
                died = list(pool.map(one, [(history, how, i) for i in range(1, most + 1)]))
                while died and died[-1]:
                    most += 1
                    died.append(one((history, how, most)))
    print('%d points: %s' % (sum(places.values()), ', '.join('%s %d' % p for p in sorted(places.items()))))
