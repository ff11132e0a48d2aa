/*
 * server.c: the hello service of hello.x on libtirpc.
 *
 *     hello_server PORT NETID...
 *
 * Serves on every NETID (udp, tcp, udp6, tcp6 at PORT; local at /run/hello.sock) and registers each with rpcbind the way
 * libtirpc does. Prints "ready" when all are registered. On SIGTERM it unregisters and leaves.
 */
#define _GNU_SOURCE /* asprintf */
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hello.h"

#define LOCAL_PATH "/run/hello.sock"

/* Generated, without a declaration of its own. */
void hello_program_1(struct svc_req *, SVCXPRT *);

static guest_list guests;

char **
hello_greet_1_svc(hello_name name, struct svc_req *request)
{
	static char *result;
	guest **link = &guests;

	(void)request;
	while (*link != NULL && strcmp((*link)->name, name) != 0)
		link = &(*link)->next;
	if (*link == NULL) {
		*link = calloc(1, sizeof(**link));
		(*link)->name = strdup(name);
	}
	(*link)->greetings++;

	free(result);
	if (asprintf(&result, "Hello, %s", name) < 0)
		return (NULL);
	return (&result);
}

sum_result *
hello_add_1_svc(pair numbers, struct svc_req *request)
{
	static sum_result result;

	(void)request;
	result.status = __builtin_add_overflow(numbers.left, numbers.right, &result.sum_result_u.sum) ? HELLO_OVERFLOW : HELLO_OK;
	return (&result);
}

hello_blob *
hello_echo_1_svc(hello_blob blob, struct svc_req *request)
{
	static hello_blob result;

	(void)request;
	/* The argument lives until the reply has been sent. */
	result = blob;
	return (&result);
}

double *
hello_area_1_svc(shape shape, struct svc_req *request)
{
	static double result;

	(void)request;
	switch (shape.kind) {
	case CIRCLE:
		result = 3.0 * shape.shape_u.radius * shape.shape_u.radius;
		break;
	case RECTANGLE:
		result = shape.shape_u.sides.width * shape.shape_u.sides.height;
		break;
	default:
		result = 0.0;
	}
	return (&result);
}

guest_list *
hello_guests_1_svc(struct svc_req *request)
{
	(void)request;
	return (&guests);
}

u_int *
hello_wait_1_svc(u_int milliseconds, struct svc_req *request)
{
	static u_int result;

	(void)request;
	result = milliseconds;
	poll(NULL, 0, (int)milliseconds);
	return (&result);
}

/* Binds `netid` to `port` (or the local path) on every address and registers what it was bound to. */
static void
serve(const char *netid, in_port_t port)
{
	struct netconfig *config = getnetconfigent(netid);
	struct sockaddr_storage storage;
	struct t_bind bind;
	SVCXPRT *transport;

	if (config == NULL) {
		fprintf(stderr, "hello_server: /etc/netconfig has no %s\n", netid);
		exit(1);
	}
	memset(&storage, 0, sizeof(storage));
	memset(&bind, 0, sizeof(bind));
	bind.qlen = 64;
	bind.addr.buf = &storage;
	if (strcmp(config->nc_protofmly, NC_INET) == 0) {
		struct sockaddr_in *in = (struct sockaddr_in *)&storage;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		bind.addr.len = bind.addr.maxlen = sizeof(*in);
	} else if (strcmp(config->nc_protofmly, NC_INET6) == 0) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		bind.addr.len = bind.addr.maxlen = sizeof(*in6);
	} else {
		struct sockaddr_un *un = (struct sockaddr_un *)&storage;
		un->sun_family = AF_LOCAL;
		strcpy(un->sun_path, LOCAL_PATH);
		bind.addr.len = bind.addr.maxlen = SUN_LEN(un);
		unlink(LOCAL_PATH);
	}

	transport = svc_tli_create(RPC_ANYFD, config, &bind, 0, 0);
	if (transport == NULL) {
		fprintf(stderr, "hello_server: cannot serve on %s\n", netid);
		exit(1);
	}
	if (!svc_reg(transport, HELLO_PROGRAM, HELLO_V1, hello_program_1, config)) {
		fprintf(stderr, "hello_server: cannot register on %s\n", netid);
		exit(1);
	}
	freenetconfigent(config);
}

static void
leave(int signal)
{
	(void)signal;
	rpcb_unset(HELLO_PROGRAM, HELLO_V1, NULL);
	_exit(0);
}

int
main(int argc, char **argv)
{
	int i;

	if (argc < 3) {
		fprintf(stderr, "usage: hello_server PORT NETID...\n");
		return (2);
	}
	for (i = 2; i < argc; i++)
		serve(argv[i], (in_port_t)atoi(argv[1]));
	signal(SIGTERM, leave);
	printf("ready\n");
	fflush(stdout);
	svc_run();
	fprintf(stderr, "hello_server: svc_run returned\n");
	return (1);
}
