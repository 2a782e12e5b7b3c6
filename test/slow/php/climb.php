<?php
// A page that was broken into: it tries to get out of its site, and answers what it has reached, a line each.
$other = '/var/caddy/www/cinay.eu';
parse_str(file_get_contents('php://input'), $_POST);
$reached = [];
function attempt(string $what, callable $try): void
{
    global $reached;
    try {
        $got = @$try();
        if (!in_array($got, [false, null, '', []], true)) $reached[] = $what;
    } catch (Throwable) {
    }
}
function call(string $name, mixed ...$arguments): mixed
{
    return function_exists($name) ? $name(...$arguments) : false;
}

$secrets = array_filter(explode("\n", base64_decode($_POST['secrets'] ?? '')));
foreach ($secrets as $path) {
    attempt("reads $path", fn() => file_get_contents($path));
    attempt("lists $path", fn() => scandir($path));
    attempt("includes $path", function () use ($path) { ob_start(); $came = include $path; ob_end_clean(); return $came; });
    attempt("copies $path", fn() => copy($path, __DIR__ . '/copied'));
    attempt("opens $path by another wrapper", fn() => file_get_contents("compress.zlib://$path"));
    attempt("opens $path with SQLite", fn() => (new SQLite3($path, SQLITE3_OPEN_READONLY))->querySingle('SELECT count(*) FROM sqlite_master'));
    attempt("opens $path with Imagick", fn() => (string) new Imagick("text:$path"));
    attempt("links $path", fn() => call('symlink', $path, __DIR__ . '/link' . mt_rand() . '.txt'));
    attempt("links $path hard", fn() => call('link', $path, __DIR__ . '/hard' . mt_rand() . '.txt'));
    attempt("fetches file://$path", function () use ($path) {
        $curl = curl_init("file://$path");
        curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
        return curl_exec($curl);
    });
}
foreach (["$other/dropped.php", '/etc/cron.d/dropped', '/usr/local/bin/dropped', '/var/lib/php/sites/cinay.eu/sess_dropped'] as $path)
    attempt("writes $path", fn() => file_put_contents($path, '<?php'));
foreach (['unix:///run/caddy/admin.sock', 'unix:///run/php/cinay.eu.sock', 'unix:///run/dbus/system_bus_socket', 'unix:///run/fail2ban/fail2ban.sock'] as $socket)
    attempt("connects to $socket", fn() => stream_socket_client($socket, $code, $words, 2));
foreach (['exec', 'system', 'passthru', 'shell_exec', 'popen'] as $name)
    attempt("starts a program by $name", function () use ($name) {
        ob_start();
        $came = call($name, 'id', ...($name === 'popen' ? ['r'] : []));
        if (is_resource($came)) $came = stream_get_contents($came);
        return $came . ob_get_clean();
    });
attempt('starts a program by proc_open', function () {
    $process = call('proc_open', ['/usr/bin/id'], [1 => ['pipe', 'w']], $pipes);
    return $process === false ? false : stream_get_contents($pipes[1]);
});
attempt('starts a program by pcntl_exec', fn() => call('pcntl_exec', '/usr/bin/id') !== false && function_exists('pcntl_exec') ? true : false);
attempt('sends mail', fn() => call('mail', 'postmaster@xoyize.xyz', 'x', 'x', '', '-oQ/tmp'));
attempt('sets a variable of the environment', fn() => call('putenv', 'LD_PRELOAD=/tmp/x.so') && isset($_POST['closed']));
attempt('becomes root', fn() => call('posix_setuid', 0));
attempt('becomes another site', fn() => call('posix_setuid', (posix_getpwnam('web-cinay-eu') ?: ['uid' => 0])['uid']));
attempt('makes a program that is anybody’s', function () {
    file_put_contents(__DIR__ . '/writable/tool', "#!/bin/sh\n");
    return chmod(__DIR__ . '/writable/tool', 04755) && (fileperms(__DIR__ . '/writable/tool') & 04000) !== 0;
});
attempt('sees processes of others', function () {
    $others = [];
    foreach (@scandir('/proc') ?: [] as $pid)
        if (ctype_digit($pid) && @fileowner("/proc/$pid") !== posix_geteuid()) $others[] = $pid;
    return $others;
});
attempt('sees the compiled pages of others', function () {
    $status = call('opcache_get_status', true);
    return array_filter(array_keys($status['scripts'] ?? []), fn($script) => !str_starts_with($script, __DIR__));
});
attempt('is not held by PHP', fn() => file_get_contents('/etc/hostname') && function_exists('exec') && function_exists('symlink'));
attempt('widens open_basedir', fn() => ini_set('open_basedir', '/'));
attempt('climbs out of open_basedir', function () {
    mkdir(__DIR__ . '/writable/deep');
    chdir(__DIR__ . '/writable/deep');
    ini_set('open_basedir', ini_get('open_basedir') . ':..');
    for ($i = 0; $i < 8; $i++) chdir('..');
    ini_set('open_basedir', '/');
    return isset($_POST['closed']) && file_get_contents('/etc/hostname');
});
attempt('reads sessions of others', function () {
    session_save_path('/var/lib/php/sites/cinay.eu');
    session_id('victim');
    return session_start() && isset($_SESSION['who']);
});
attempt('calls C', fn() => FFI::cdef('int getpid();')->getpid());
echo posix_getpwuid(posix_geteuid())['name'], "\n", implode("\n", $reached);
