# SPDX-License-Identifier: Apache-2.0
"""todo_client.py ADDRESS: a client of the to-do list as its users have written it; only the address is given."""
import sys
import threading

import grpc

import todo_pb2
import todo_pb2_grpc


def watch_tasks(stub):
    try:
        for update in stub.WatchTasks(todo_pb2.WatchTasksRequest()):
            print(f"\n[Update] Task {update.task.id}: {update.action}")
            print(f"  Title: {update.task.title}")
            print(f"  Completed: {update.task.completed}", flush=True)
    except grpc.RpcError as e:
        print(f"Watch error: {e.code()}")


def main(address):
    channel = grpc.insecure_channel(address)
    stub = todo_pb2_grpc.TodoServiceStub(channel)
    watch_thread = threading.Thread(target=watch_tasks, args=(stub,))
    watch_thread.daemon = True
    watch_thread.start()
    while True:
        print("\n1. Add Task")
        print("2. List Tasks")
        print("3. Complete Task")
        print("4. Exit", flush=True)
        choice = input("Select option: ")
        if choice == "1":
            title = input("Enter task title: ")
            response = stub.AddTask(todo_pb2.AddTaskRequest(title=title))
            print(f"Added task ID: {response.task.id}", flush=True)
        elif choice == "2":
            response = stub.GetTasks(todo_pb2.GetTasksRequest())
            print("\nTasks:")
            for task in response.tasks:
                status = "✓" if task.completed else " "
                print(f"{status} {task.id}: {task.title}", flush=True)
        elif choice == "3":
            task_id = int(input("Enter task ID to complete: "))
            response = stub.CompleteTask(todo_pb2.CompleteTaskRequest(task_id=task_id))
            print("Success!" if response.success else "Task not found", flush=True)
        elif choice == "4":
            break


if __name__ == "__main__":
    main(sys.argv[1])
